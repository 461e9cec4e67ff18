package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func (w *world) hardLink(t *testing.T, old, path string) {
	t.Helper()
	if err := os.Link(filepath.Join(w.root, old), filepath.Join(w.root, path)); err != nil {
		t.Fatal(err)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mode(t, "/etc/crontab", 0o600|os.ModeSetgid|os.ModeSticky)
	w.link(t, "crontab", "/etc/link")
	w.link(t, "nowhere", "/etc/dangling")
	w.pipe(t, "/etc/pipe")
	w.put(t, "/etc/cron.d/.hidden", "")
	w.link(t, "loop", "/etc/loop")
	w.put(t, "/data/home/file", "")
	w.link(t, "data/home", "/home2")
	w.put(t, "/etc/two", "")
	w.hardLink(t, "/etc/two", "/etc/second")
	var out map[string]facts.Stat
	missing := w.host().stats([]string{
		"/home2/file", "/data/home/file", "/data/home", "/etc/second",
		"/etc/crontab", "/etc/link", "/etc/dangling", "/etc/pipe", "/etc/nope", "/etc/crontab/x", "/etc/cron.d", "/etc/cron.d/*", "/etc/none.d/*", "/etc/../etc/crontab", "/etc/loop",
	}, &out)
	if len(missing) != 2 || missing["/etc/../etc/crontab"] == nil || missing["/etc/loop"] == nil {
		t.Errorf("missing: %v", missing)
	}
	kinds := map[string]string{
		"/home2/file": facts.KindFile, "/data/home/file": facts.KindFile, "/data/home": facts.KindFolder, "/etc/second": facts.KindFile,
		"/etc/crontab": facts.KindFile, "/etc/link": facts.KindLink, "/etc/dangling": facts.KindLink, "/etc/pipe": facts.KindOther,
		"/etc/nope": facts.KindAbsent, "/etc/crontab/x": facts.KindAbsent, "/etc/cron.d": facts.KindFolder,
		"/etc/cron.d/*": facts.KindListed, "/etc/cron.d/other": facts.KindFile, "/etc/none.d/*": facts.KindListed,
	}
	if len(out) != len(kinds) {
		t.Errorf("entries: %v", out)
	}
	for path, kind := range kinds {
		fixed := path == "/home2/file" || path == "/etc/second"
		if out[path].Kind != kind || out[path].Fixed != fixed {
			t.Errorf("%s: %+v", path, out[path])
		}
	}
	if s := out["/etc/link"]; s.Mode != 0o3600 || s.UID != os.Geteuid() || s.ModTime == 0 || out["/etc/dangling"].Mode != 0 {
		t.Errorf("through a link: %+v, %+v", s, out["/etc/dangling"])
	}
}

func TestOwnersAreChangedAndComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	mustApply(t, w.host(), everything("tx1"))
	for path, want := range map[string]os.FileMode{"/etc/crontab": 0o600, "/etc/cron.d": 0o700} {
		info, err := os.Stat(filepath.Join(w.root, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if have, err := w.host().attr("/etc/crontab"); err != nil || have.UID != newOwner() {
		t.Errorf("owner: %+v, %v", have, err)
	}
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	w.same(t, before)
}

// What is gone when the host goes back needs no owner; what is a link by then
// is not followed, and the way back does not end.
func TestOwnersOfWhatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mustApply(t, w.host(), everything("tx1"))
	w.drop(t, "/etc/crontab")
	out, err := Rollback(t.Context(), w.host(), "tx1")
	if err != nil || out.Result != facts.RolledBack || len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "/etc/crontab") {
		t.Errorf("rollback: %+v, %v", out, err)
	}
}

func TestALinkPutInTheWayIsNotFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "/home/eve/.netrc", "")
	h := w.host()
	h.Step = func(name string) error {
		if name == "owner /home/eve/.netrc" {
			w.drop(t, "/home/eve/.netrc")
			w.link(t, "/etc/crontab", "/home/eve/.netrc")
		}
		return nil
	}
	tx := everything("tx1")
	tx.Attrs = []facts.AttrChange{{Path: "/home/eve/.netrc", Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid()}}
	if _, err := Apply(t.Context(), h, tx); err == nil || !strings.Contains(err.Error(), "too many levels") {
		t.Errorf("error: %v", err)
	}
	if have, err := h.attr("/etc/crontab"); err != nil || have.Mode != 0o644 {
		t.Errorf("the link was followed: %+v, %v", have, err)
	}
}
