//go:build linux

package lab

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

const mountinfo = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
36 27 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
37 27 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
38 27 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
99 27 254:0 /x /var/lib/with\040blank rw shared:5 - ext4 /dev/vda rw
`

func TestParseMounts(t *testing.T) {
	t.Parallel()
	want := []string{"/", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/memory", "/var/lib/with blank"}
	if got := parseMounts([]byte(mountinfo)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := parseCgroupRoots([]byte(mountinfo)); !slices.Equal(got, want[1:3]) {
		t.Errorf("control groups: got %q, want %q", got, want[1:3])
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add([]byte(mountinfo))
	f.Fuzz(func(_ *testing.T, data []byte) {
		parseMounts(data)
		parseCgroupRoots(data)
	})
}

func TestLockIsExclusiveAndCancellable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "l", "lock")
	release, err := lock(context.Background(), path, func() { t.Error("waits for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := lock(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("second: %v, want cancelled", err)
	}
	release()
	again, err := lock(context.Background(), path, func() {})
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestHalfAnImageIsNone(t *testing.T) {
	t.Parallel()
	sum := sha512.Sum512([]byte("disk"))
	line := hex.EncodeToString(sum[:]) + "  " + imageName + "\n"
	for name, c := range map[string]struct {
		disk, sum string
		ok        bool
	}{
		"whole": {"disk", line, true}, "no sum": {"disk", "", false}, "half a sum": {"disk", line[:40], false}, "empty": {"", line, false},
	} {
		dir := t.TempDir()
		for file, content := range map[string]string{imageName: c.disk, imageName + ".sha512": c.sum} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := loadImage(dir); (err == nil) != c.ok {
			t.Errorf("%s: %v, want accepted %v", name, err, c.ok)
		}
	}
}

func TestAKilledBuildIsClearedAway(t *testing.T) {
	t.Parallel()
	l, err := Open("edge", WithCache(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	finished, half := filepath.Join(l.cache, "0123"), filepath.Join(l.cache, "unfinished-1", "root", "etc")
	for _, dir := range []string{finished, half} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.removeUnfinished(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(l.cache, "*")); err != nil || !slices.Equal(left, []string{finished}) {
		t.Errorf("left %v, %v, want %s alone", left, err, finished)
	}
}

func TestTheLabIsSetUpAsUsersAreTold(t *testing.T) {
	t.Parallel()
	l, err := Open("edge", WithState(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(l.state, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := l.access()
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Tokens) != 1 || a.Tokens[0].ID != tokenID || !a.Tokens[0].PrivSep || a.Tokens[0].Secret == "" {
		t.Errorf("token: %d of them, want %s with privilege separation and a secret", len(a.Tokens), tokenID)
	}
	if len(a.Grants) == 0 || len(a.Roles) == 0 {
		t.Error("no rights were given")
	}
	again, err := l.access()
	if err != nil || again.Tokens[0].Secret != a.Tokens[0].Secret {
		t.Errorf("the token changed: %v", err)
	}
	for _, role := range a.Roles {
		if slices.Contains(role, "Sys.Modify") {
			t.Error("more rights than needed")
		}
	}
}

func TestPveumLinesThatWereNotTaught(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"", "pveum", "rm -rf x y", "pveum user delete a@pve", "pveum role add R --privs", "pveum user token add a@pve t --privsep 0",
		"pveum acl modify / --roles R --groups g", `pveum role add R --privs "A`, "pveum acl modify / --users a@pve",
	} {
		if err := typed(&fakepve.Access{Roles: map[string][]string{}}, line); err == nil {
			t.Errorf("%q was obeyed", line)
		}
	}
}

func TestProjectOverwritesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := writeProject(dir, map[string][]byte{"a": []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if err := writeProject(dir, map[string][]byte{"a": []byte("2"), "b": nil}); err == nil {
		t.Error("a file was overwritten")
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); err == nil {
		t.Error("half of a project was written")
	}
}

func TestCommandsNeedALabThatIsUp(t *testing.T) {
	t.Parallel()
	l, err := Open("never-made", WithState(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := l.Status(t.Context()); err != nil || s.Up {
		t.Errorf("status: %+v, %v", s, err)
	}
	_, err = l.Command(t.Context(), "true")
	for what, err := range map[string]error{"command": err, "restart": l.Restart(t.Context(), "x"), "fault": l.Fault(t.Context(), []byte(`{}`))} {
		hinted, ok := err.(interface{ Hint() string })
		if !ok || !strings.Contains(hinted.Hint(), "--name never-made up") {
			t.Errorf("%s: %v, want a hint how to make it", what, err)
		}
	}
}

func TestTheProjectSaysEverything(t *testing.T) {
	t.Parallel()
	s := Status{Name: "edge", TLSPin: "sha256/pin", ImageChecksum: "sha512:sum"}
	want := cluster(s, "ssh-ed25519 AAAA", "/p")
	data, err := encode(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"gateway: 10.77.0.1", "cidr: 10.77.0.0/24", "address: 10.77.0.11", "tlsPin: sha256/pin", "checksum: sha512:sum",
		"endpoint: https://10.77.0.3:8006", "secret: file:/p/proxmox-token", "- 10.77.0.2/32", "- /p/id_ed25519",
	} {
		if !strings.Contains(string(data), line) {
			t.Errorf("%q is not in\n%s", line, data)
		}
	}
}
