package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// checkSSHD lets sshd read its configuration as it will be, from a copy, while
// the real one is untouched.
func (h Host) checkSSHD(ctx context.Context, t facts.Transaction) error {
	inside := func(f facts.FileChange) bool { return strings.HasPrefix(f.Path, sshDir+"/") }
	if !slices.ContainsFunc(t.Files, inside) {
		return nil
	}
	defer os.RemoveAll(h.path(stageDir))
	s := stage{host: h, files: staged{disk{h}, t.Files}}
	main, err := s.copy(sshdConfig, 0)
	if err != nil {
		return fmt.Errorf("assemble sshd's configuration: %w", err)
	}
	_, err = h.Runner.Run(ctx, command(sshd, "-t", "-f", main))
	var exit *exitError
	if errors.As(err, &exit) {
		return fmt.Errorf("sshd refuses its configuration: %s", strings.TrimSpace(s.realNames(exit.stderr)))
	}
	if err != nil || t.Client == nil {
		return err
	}
	return h.checkClient(ctx, main, *t.Client)
}

// staged is the disk as it will be after a transaction.
type staged struct {
	disk
	changes []facts.FileChange
}

func (s staged) read(p string) ([]byte, error) {
	for _, f := range s.changes {
		if f.Path == p && f.Absent {
			return nil, fmt.Errorf("read %s: %w", p, fs.ErrNotExist)
		}
		if f.Path == p {
			return []byte(f.Content), nil
		}
	}
	return s.disk.read(p)
}

func (s staged) list(dir string) ([]string, error) {
	names, err := s.disk.list(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range s.changes {
		below, inside := strings.CutPrefix(f.Path, strings.TrimSuffix(dir, "/")+"/")
		name, _, _ := strings.Cut(below, "/")
		switch {
		case !inside:
		case f.Absent && name == below:
			names = slices.DeleteFunc(names, func(n string) bool { return n == name })
		case !f.Absent && !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	return names, nil
}

// stage copies sshd's configuration so that every Include names the copies.
// The files are not put into one: a Match block ends with its file.
type stage struct {
	host  Host
	files staged
	real  []string // the file of copy number i
}

func (s *stage) copy(name string, depth int) (string, error) {
	if depth > maxIncludes {
		return "", fmt.Errorf("%s: too many levels of Include", name)
	}
	content, err := s.files.read(name)
	if err != nil {
		return "", err
	}
	target := s.host.path(path.Join(stageDir, strconv.Itoa(len(s.real))+".conf"))
	s.real = append(s.real, name)
	var out strings.Builder
	for line := range strings.Lines(string(content)) {
		key, args := splitDirective(line)
		if key == "include" {
			if line, err = s.include(args, depth); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
		}
		out.WriteString(line)
	}
	if err := os.MkdirAll(s.host.path(stageDir), 0o700); err != nil {
		return "", err
	}
	return target, os.WriteFile(target, []byte(out.String()), 0o600)
}

// include is the line that stands for an Include. It stays one line, so that
// sshd's line numbers are those of the real file.
func (s *stage) include(patterns []string, depth int) (string, error) {
	var copies strings.Builder
	for _, pattern := range patterns {
		files, err := expandInclude(s.files, pattern)
		if err != nil {
			return "", err
		}
		for _, f := range files {
			copied, err := s.copy(f, depth+1)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return "", err
			}
			copies.WriteString(" " + strconv.Quote(copied))
		}
	}
	if copies.Len() == 0 {
		return "# nothing to include\n", nil
	}
	return "Include" + copies.String() + "\n", nil
}

// realNames puts the real files' names into what sshd said of the copies.
func (s *stage) realNames(message string) string {
	for i, name := range s.real {
		message = strings.ReplaceAll(message, s.host.path(path.Join(stageDir, strconv.Itoa(i)+".conf")), name)
	}
	return message
}
