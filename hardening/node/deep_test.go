package node

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// newWalked is a world whose files are root's and nobody else's.
func newWalked(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	own := "me:x:" + strconv.Itoa(os.Geteuid()) + ":" + strconv.Itoa(os.Getegid()) + "::/:/bin/sh\n"
	w.put(t, passwdFile, own)
	w.put(t, groupFile, "me:x:"+strconv.Itoa(os.Getegid())+":\n")
	w.put(t, "/proc/self/mountinfo", "1 0 8:1 / / rw - overlay o rw\n2 1 8:1 / /tmp rw - tmpfs t rw\n3 1 8:1 / /run/x rw - ext4 t rw\nbad line\n4 1 8:1 / /data\\040x rw - ext4 t rw\n")
	w.put(t, "/data x/file", "")
	w.put(t, "/usr/bin/sudo", "")
	w.mode(t, "/usr/bin/sudo", 0o755|fs.ModeSetuid)
	w.put(t, "/opt/x", "")
	w.mode(t, "/opt/x", 0o755|fs.ModeSetgid)
	w.put(t, "/var/lib/rancher/k3s/agent/containerd/x", "")
	w.mode(t, "/var/lib/rancher/k3s/agent/containerd/x", 0o777|fs.ModeSetuid)
	w.put(t, "/srv/open/x", "")
	w.mode(t, "/srv/open", 0o777)
	w.put(t, "/srv/sticky/x", "")
	w.mode(t, "/srv/sticky", 0o777|fs.ModeSticky)
	w.mode(t, "/srv/sticky/x", 0o666)
	w.put(t, dpkgInfo+"/sudo:amd64.list", "/.\n/bin\n/bin/sudo\n")
	return w
}

func pathsOf(files []facts.DeepFile) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Path+" "+f.Package)
	}
	return out
}

func TestDeepWalk(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	d, err := w.host().deep(t.Context())
	if err != nil || d.Cut || d.Paths < 20 || d.At != 1_800_000_000 {
		t.Fatalf("walk: %+v, %v", d, err)
	}
	if have := pathsOf(d.Special); !slices.Equal(have, []string{"/opt/x ", "/usr/bin/sudo sudo"}) {
		t.Errorf("special: %q", have)
	}
	if have := pathsOf(d.Open); !slices.Equal(have, []string{"/srv/open ", "/srv/sticky/x "}) {
		t.Errorf("open: %q", have)
	}
	if len(d.Unowned) != 0 {
		t.Errorf("unowned: %+v", d.Unowned)
	}
	w.put(t, passwdFile, "other:x:54321:54321::/:/bin/sh\n")
	if d, err := w.host().deep(t.Context()); err != nil || len(d.Unowned) < 20 {
		t.Errorf("nobody's: %+v, %v", d, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.host().deep(ctx); err == nil {
		t.Error("a walk that was ended has an answer")
	}
}

// A service with DynamicUser has a number of systemd's, and no account for it.
func TestDynamicUsersOwnTheirFiles(t *testing.T) {
	t.Parallel()
	for id, want := range map[uint32]int{61183: 1, 61184: 0, 65519: 0, 65520: 1} {
		w := deepWalk{}
		w.path("/var/lib/private/x", 0o600, &syscall.Stat_t{Uid: id, Gid: id})
		if len(w.found.Unowned) != want {
			t.Errorf("%d: %+v", id, w.found.Unowned)
		}
	}
}

// A walk is kept for an hour and until dpkg changes something. What it found
// and is not so any more is not told.
func TestDeepWalkIsKept(t *testing.T) {
	t.Parallel()
	w := newWalked(t)
	h := w.host()
	walk := func() []string {
		d, err := h.cachedDeep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return pathsOf(d.Special)
	}
	all := []string{"/opt/x ", "/usr/bin/sudo sudo"}
	if have := walk(); !slices.Equal(have, all) || !w.exists(deepFile) {
		t.Errorf("first: %q", have)
	}
	w.put(t, "/opt/y", "")
	w.mode(t, "/opt/y", 0o755|fs.ModeSetuid)
	w.mode(t, "/opt/x", 0o755)
	if have := walk(); !slices.Equal(have, all[1:]) {
		t.Errorf("kept: %q", have)
	}
	h.Now = func() time.Time { return time.Unix(1_800_000_000, 0).Add(deepAge) }
	if have := walk(); !slices.Equal(have, []string{"/opt/y ", "/usr/bin/sudo sudo"}) {
		t.Errorf("an hour later: %q", have)
	}
	w.put(t, bootIDFile, "boot-2\n")
	w.mode(t, "/opt/y", 0o755)
	w.mode(t, "/opt/x", 0o755|fs.ModeSetuid)
	if have := walk(); !slices.Equal(have, all) {
		t.Errorf("after a restart: %q", have)
	}
	w.put(t, deepFile, "{")
	if have := walk(); !slices.Equal(have, all) {
		t.Errorf("torn: %q", have)
	}
}

// Without being asked, nothing is walked and nothing is written.
func TestNoWalkUnlessAsked(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	if f := Collect(t.Context(), w.host(), r); f.Deep != nil || w.exists(deepFile) {
		t.Errorf("walked: %+v", f.Deep)
	}
	r.Deep = true
	r.K3s = &facts.K3sRequest{API: apiServer(t, "ours", func() {
		if w.exists(deepFile) {
			t.Error("walked before the API has answered")
		}
	})}
	if f := Collect(t.Context(), w.host(), r); f.Deep == nil || hasProblem(f, "deep") || !w.exists(deepFile) {
		t.Errorf("not walked: %+v", f.Problems)
	}
}

func FuzzMounts(f *testing.F) {
	f.Add("21 1 8:1 / /a\\040b rw,relatime shared:1 - ext4 /dev/sda1 rw\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMounts(text) {
			if m.Point == "" || m.Type == "" || len(m.Options) == 0 {
				t.Errorf("mount %+v", m)
			}
		}
	})
}
