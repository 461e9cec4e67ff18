package fakepve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
)

// uploaded is a file that has been received and not yet been put anywhere.
type uploaded struct{ path string }

func (u *uploaded) discard() {
	if u != nil {
		_ = removeAll(u.path)
	}
}

// receive reads a multipart form: its fields first, the file last and under
// the name "filename", as pveproxy wants it.
func (s *Server) receive(r *http.Request) (params, *uploaded, error) {
	if len(r.TransferEncoding) > 0 {
		return nil, nil, &apiError{status: http.StatusNotImplemented, message: "chunked transfer encoding not supported"}
	}
	kind, attrs, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || attrs["boundary"] == "" {
		return nil, nil, &apiError{status: http.StatusNotImplemented, message: "multipart/form-data with a boundary expected"}
	}
	f, err := s.tempFile()
	if err != nil {
		return nil, nil, err
	}
	args, err := decodeMultipart(multipart.NewReader(r.Body, attrs["boundary"]), f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, errors.Join(die("upload failed: %v", err), removeAll(f.Name()))
	}
	return args, &uploaded{path: f.Name()}, nil
}

// decodeMultipart copies the file to w and returns the fields.
func decodeMultipart(m *multipart.Reader, w io.Writer) (params, error) {
	args := params{}
	for {
		part, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no file in the form")
		}
		if err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
		if part.FileName() != "" {
			return args.takeFile(part, w)
		}
		value, err := io.ReadAll(io.LimitReader(part, 4096))
		if err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
		args[part.FormName()] = []string{string(value)}
	}
}

func (p params) takeFile(part *multipart.Part, w io.Writer) (params, error) {
	if part.FormName() != "filename" {
		return nil, fmt.Errorf("wrong field name '%s' for file upload, expected 'filename'", part.FormName())
	}
	p["filename"] = []string{part.FileName()}
	if _, err := io.Copy(w, part); err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	return p, nil
}

// upload stores a received file, over an older one of the same name.
func upload(c *call) (any, error) {
	st, v, err := c.target()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(c.upload.path)
	if err != nil {
		return nil, err
	}
	from := c.upload.path
	c.upload = nil // the task owns the file now
	c.undo = func() error { return removeAll(from) }
	return c.spawn("imgcopy", "", func(_ context.Context, t *running) error {
		defer func() { _ = removeAll(from) }()
		t.say("starting file import from: /var/tmp/pveupload")
		if err := c.verifySum(t, from); err != nil {
			return err
		}
		t.say("target node: %s", c.srv.opts.Node)
		t.say("target file: %s", v.ID)
		t.say("file size is: %d", info.Size())
		if err := c.srv.store(st, v, from); err != nil {
			return fmt.Errorf("import failed: %w", err)
		}
		t.say("finished file import successfully")
		return nil
	})
}
