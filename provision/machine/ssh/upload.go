package ssh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

var (
	// errSum is a checksum that no file can have; final.
	errSum = errors.New("not a sha256 in lower-case hexadecimal")
	// errSurvey is a host whose df or stat print what they never do.
	errSurvey = errors.New("df and stat gave no answer that can be read")
)

// survey, run as root, prints what stands at a path (type and mode, owner,
// group, size; its checksum if the size is the wanted one), then the device and
// the free bytes of its folder, or the nearest above it that is there, the same
// of the login user's home, and that folder's name.
const survey = `set -eu
dst=$1 size=$2 home=$3 is= sum=
if [ -d "$dst" ] && ! [ -L "$dst" ]; then
	echo "a folder is in the way: $dst" >&2
	exit 1
fi
if [ -f "$dst" ] && ! [ -L "$dst" ]; then
	is=$(stat --format="%f %u %g %s" -- "$dst")
	if [ "${is##* }" = "$size" ]; then sum=$(sha256sum <"$dst"); fi
fi
printf '%s\n%s\n' "$is" "${sum%% *}"
dir=$dst
while :; do
	dir=${dir%/*}
	if [ -d "$dir/" ]; then break; fi
done
for d in "$dir/" "$home/"; do
	stat --format=%d -- "$d"
	df --block-size=1 --output=avail -- "$d" | tail -n 1
done
printf '%s' "${dir:-/}"
`

// surveyLines is what stands before the folder's name.
const surveyLines = 6

// regular is the type of a regular file in stat's %f.
const regular = 0o100000

// Upload puts a large file in its place as root:root, with the folders above
// it. A file that is there already, with this content, mode and owner, is left
// alone. Without room for it nothing is sent.
func (h *Host) Upload(ctx context.Context, u machine.Upload) error {
	if err := h.upload(ctx, u); err != nil {
		return fmt.Errorf("upload %q to %s: %w", u.Path, h.cfg.name(), err)
	}
	if u.Progress != nil {
		u.Progress(u.Size)
	}
	return nil
}

func (h *Host) upload(ctx context.Context, u machine.Upload) error {
	if err := checkPlace(u.Path, u.Mode); err != nil {
		return err
	}
	if b, err := hex.DecodeString(u.SHA256); err != nil || len(b) != sha256.Size || u.SHA256 != strings.ToLower(u.SHA256) {
		return errSum
	}
	if there, err := h.surveyed(ctx, u); there || err != nil {
		return err
	}
	return h.put(ctx, parcel{u.Path, u.Mode, u.SHA256, source{u.Size, u.Open, u.Progress}}, "yes")
}

// surveyed reports whether the file is there, and fails when it is not and
// there is no room for it.
func (h *Host) surveyed(ctx context.Context, u machine.Upload) (there bool, err error) {
	home, err := h.home(ctx)
	if err != nil {
		return false, err
	}
	out, err := h.Run(ctx, machine.Command{Argv: []string{"sh", "-c", survey, "k3sedge-survey", u.Path, strconv.FormatInt(u.Size, 10), home}, Root: true})
	if err != nil {
		return false, err
	}
	lines := strings.SplitN(string(out.Stdout), "\n", surveyLines+1)
	if len(lines) != surveyLines+1 {
		return false, errSurvey
	}
	if lines[0] == fmt.Sprintf("%x 0 0 %d", regular|uint32(u.Mode), u.Size) && lines[1] == u.SHA256 {
		return true, nil
	}
	free, err1 := strconv.ParseInt(strings.TrimSpace(lines[3]), 10, 64)
	freeHome, err2 := strconv.ParseInt(strings.TrimSpace(lines[5]), 10, 64)
	if err1 != nil || err2 != nil {
		return false, errSurvey
	}
	needed := u.Size
	if lines[2] == lines[4] { // for a moment the file is there twice
		needed = 2 * u.Size
	}
	return false, errors.Join(h.room(lines[6], needed, free), h.room(home, u.Size, freeHome))
}

// room fails if the folder has less room than needed.
func (h *Host) room(folder string, needed, free int64) error {
	if free >= needed {
		return nil
	}
	return machine.WithHint(&machine.NoRoomError{Folder: folder, Needed: needed, Free: free},
		"make room on %s (`df -h %s` there), then run the same command again", h.cfg.name(), folder)
}

// home returns the login user's home folder.
func (h *Host) home(ctx context.Context) (string, error) {
	type result struct {
		home string
		err  error
	}
	return onLive(ctx, h, func(l *link, ctx context.Context) (string, error) {
		done := make(chan result, 1)
		go func() {
			_, home, err := l.transfer.open(l)
			done <- result{home, err}
		}()
		select {
		case r := <-done:
			if r.err != nil && l.isLost() {
				return "", l.lostError(r.err)
			}
			return r.home, r.err
		case <-l.lost:
			return "", l.lostError(nil)
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	})
}
