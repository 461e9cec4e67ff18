package fakepve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// downloadURL is PVE::Tools::download_file_from_url behind its checks.
func downloadURL(c *call) (any, error) {
	st, v, err := c.target()
	if err != nil {
		return nil, err
	}
	if c.args.has("compression") || (c.args.has("verify-certificates") && !c.args.yes("verify-certificates")) {
		return nil, notTaught("compression or verify-certificates=0 of download-url")
	}
	url := c.args.get("url")
	return c.spawn("download", v.nameOnly(), func(ctx context.Context, t *running) error {
		path := "/var/lib/vz/" + v.Content + "/" + v.nameOnly()
		t.say("downloading %s to %s", url, path)
		if _, err := c.srv.volume(v.ID); err == nil {
			return c.existing(t, v, path)
		}
		tmp, err := c.srv.fetch(ctx, t, url)
		if err != nil {
			return err
		}
		if err := errors.Join(c.verifySum(t, tmp)); err != nil {
			return errors.Join(err, removeAll(tmp))
		}
		if err := c.srv.store(st, v, tmp); err != nil {
			return errors.Join(err, removeAll(tmp))
		}
		t.say("download of '%s' to '%s' finished", url, path)
		return nil
	})
}

func (v volume) nameOnly() string { return v.ID[len(v.Storage)+len(v.Content)+2:] }

// existing accepts a file that is there already only if its checksum is right.
func (c *call) existing(t *running, v volume, path string) error {
	if !c.args.has("checksum") {
		return die("refusing to override existing file '%s'", path)
	}
	if err := c.verifySum(t, c.srv.file(v)); err != nil {
		return fmt.Errorf("%w, aborting", err)
	}
	t.say("OK, got correct file already, no need to download")
	return nil
}

// fetch downloads as wget does, with its exit codes in the error.
func (s *Server) fetch(ctx context.Context, t *running, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", errors.New("download failed: exit code 1")
	}
	res, err := s.opts.Download.Do(req)
	if err != nil {
		t.say("failed: %v", err)
		return "", errors.New("download failed: exit code 4")
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.say("ERROR %s.", res.Status)
		return "", errors.New("download failed: exit code 8")
	}
	f, err := s.tempFile()
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, res.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		t.say("failed: %v", err)
		return "", errors.Join(errors.New("download failed: exit code 4"), removeAll(f.Name()))
	}
	return f.Name(), nil
}

// tempFile is on the file system of the storages, so that a rename is enough.
func (s *Server) tempFile() (*os.File, error) {
	f, err := os.CreateTemp(s.opts.StateDir, "pveupload-*")
	if err != nil {
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	return f, nil
}
