package ssh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// tidyPatience is how long the removal of a given-up upload may take.
const tidyPatience = 3 * time.Second

// fileMode is the mode of a regular file with 0755 as stat's %f prints it.
const fileMode = "81ed"

var (
	// errPath is a target that is not a file's absolute path; final.
	errPath = errors.New("not a clean absolute path of a file")
	// errMode is a file that nobody could read, which is a mode forgotten; final.
	errMode = errors.New("mode has no permissions")
)

// install, run as root, puts an uploaded file in its place. It copies the
// file into the target's directory, checks the copy, which the login user
// cannot change, and renames it: whoever opens the target finds the old
// content or the new. It cleans up after itself even when the connection goes.
const install = `set -eu
src=$1 dst=$2 mode=$3 sum=$4 parents=$5
dir=${dst%/*}/ part=
tidy() {
	rm -f -- "$src" ${part:+"$part"}
	rmdir -- "${src%/*}" 2>/dev/null || :
}
trap tidy EXIT
trap 'exit 143' HUP INT TERM
if [ "$parents" = yes ] && ! [ -d "$dir" ]; then install -d -o root -g root -m 0755 -- "$dir"; fi
part=$(mktemp -- "${dir}.k3sedge.XXXXXXXXXX")
install -o root -g root -m 0600 -- "$src" "$part"
if [ "$(sha256sum <"$part")" != "$sum  -" ]; then
	echo "the file arrived damaged: $dst" >&2
	exit 1
fi
chmod -- "$mode" "$part"
sync -- "$part"
mv -fT -- "$part" "$dst"
part=
`

// lookAt prints a file's type and mode, owner, group and checksum, or exits 1.
const lookAt = `stat --format="%f %u %g" -- "$1" && sha256sum -- "$1"`

// WriteFile puts a file in its place as root:root. The directory has to be
// there; a symbolic link at the path is replaced, not followed.
func (h *Host) WriteFile(ctx context.Context, f machine.File) error {
	if err := checkPlace(f.Path, f.Mode); err != nil {
		return fmt.Errorf("write %q on %s: %w", f.Path, h.cfg.name(), err)
	}
	if err := h.put(ctx, parcelOf(f), "no"); err != nil {
		return fmt.Errorf("write %s on %s: %w", f.Path, h.cfg.name(), err)
	}
	return nil
}

// Place makes sure that the agent is at its path, root's and not writable by
// others. One short command finds that out; only a missing agent is sent.
func (h *Host) Place(ctx context.Context, a machine.Agent) error {
	f := machine.File{Path: a.Path, Content: a.Content, Mode: 0o755}
	if err := checkPlace(f.Path, f.Mode); err != nil {
		return fmt.Errorf("place agent %q on %s: %w", f.Path, h.cfg.name(), err)
	}
	there, err := h.isPlaced(ctx, f)
	if err == nil && !there {
		err = h.put(ctx, parcelOf(f), "yes")
	}
	if err != nil {
		return fmt.Errorf("place agent on %s: %w", h.cfg.name(), err)
	}
	return nil
}

// isPlaced looks at type, mode, owner and content. A size would not do: a
// program that was damaged keeps its own.
func (h *Host) isPlaced(ctx context.Context, f machine.File) (bool, error) {
	out, err := h.Run(ctx, machine.Command{Argv: []string{"sh", "-c", lookAt, "k3sedge-look", f.Path}})
	var exit *machine.ExitError
	if errors.As(err, &exit) && exit.Code == 1 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	want := fmt.Sprintf("%s 0 0\n%x  %s", fileMode, sha256.Sum256(f.Content), f.Path)
	return strings.TrimSpace(string(out.Stdout)) == want, nil
}

func checkPlace(name string, mode fs.FileMode) error {
	if !path.IsAbs(name) || path.Clean(name) != name || name == "/" || strings.IndexByte(name, 0) >= 0 {
		return errPath
	}
	if mode.Perm() == 0 || mode&^fs.ModePerm != 0 {
		return errMode
	}
	return nil
}

// parcel is a file with the place that it goes to.
type parcel struct {
	path   string
	mode   fs.FileMode
	sum    string // sha256, hexadecimal
	source source
}

func parcelOf(f machine.File) parcel {
	sum := sha256.Sum256(f.Content)
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Content)), nil }
	return parcel{f.Path, f.Mode, hex.EncodeToString(sum[:]), source{size: int64(len(f.Content)), open: open}}
}

// put uploads the file as the login user and installs it as root.
func (h *Host) put(ctx context.Context, f parcel, parents string) error {
	u, err := h.newUpload(ctx, f.source)
	if err != nil {
		return err
	}
	src, err := u.send(ctx)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	argv := []string{"sh", "-c", install, "k3sedge-install", src, f.path, fmt.Sprintf("%04o", f.mode), f.sum, parents}
	c := machine.Command{Argv: argv, Root: true}
	line, err := h.commandLine(c)
	if err != nil {
		return err
	}
	// Shown is what was meant, not the script.
	shown := machine.Command{Argv: []string{"install", src, f.path}}
	_, err = h.exec(ctx, line, shown)
	var exit *machine.ExitError
	if err == nil {
		return nil
	}
	h.tidy(ctx, u.name, alreadySettled())
	if errors.As(err, &exit) && exit.Code == 1 && h.needsSudo(c) {
		if refused := h.sudoRefused(ctx); refused != nil {
			return refused
		}
	}
	if exit != nil && exit.NoRoom() {
		return machine.WithHint(err, "make room on %s (`df -h %s` there), then run the same command again", h.cfg.name(), path.Dir(f.path))
	}
	return err
}

// tidy removes an upload's directory once the upload has settled. A caller
// whose ctx has ended does not wait for that; Close does.
func (h *Host) tidy(ctx context.Context, name string, settled <-chan struct{}) {
	h.mu.Lock()
	l := h.link
	if h.closed || l == nil {
		h.mu.Unlock()
		return
	}
	done := make(chan struct{})
	h.tidying.Go(func() {
		defer close(done)
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyPatience)
		defer cancel()
		select {
		case <-settled:
		case <-limited.Done():
		}
		l.remove(limited, name)
	})
	h.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// remove deletes name in the login user's home as well as it can: the error
// that made it necessary is the one to tell.
func (l *link) remove(ctx context.Context, name string) {
	s, err := l.open(ctx)
	if err != nil {
		return
	}
	defer s.release()
	_, _ = s.run(ctx, "exec "+machine.Quote([]string{"rm", "-rf", "--", name}), nil)
}

// alreadySettled is the upload of a file that has arrived.
func alreadySettled() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
