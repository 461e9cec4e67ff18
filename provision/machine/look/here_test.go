package look

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// errProgram is a program that fails.
var errProgram = errors.New("exit status 1: Failed to connect to bus")

// rig is a host with files of its own and programs that answer what they are told.
type rig struct {
	host
	t *testing.T

	mu      sync.Mutex
	answers map[string]string // by the program's path
	ran     [][]string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, answers: map[string]string{}}
	r.host = host{root: t.TempDir(), run: func(_ context.Context, argv ...string) (string, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ran = append(r.ran, argv)
		out, ok := r.answers[argv[0]]
		if !ok {
			return "", errProgram
		}
		return out, nil
	}}
	return r
}

// put writes a file of the host's.
func (r *rig) put(name, content string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// link makes a symbolic link of the host's.
func (r *rig) link(name, to string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(to, r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

func hexSum(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	large := strings.Repeat("x", MaxContent+1)
	r.put("/etc/file", "text\n")
	r.put("/var/large", large)
	r.put("/etc/exact", large[1:])
	r.link("/etc/link", "file")
	a := r.look(t.Context(), Request{Files: []FileQuery{
		{Path: "/etc/file", Content: true}, {Path: "/var/large"}, {Path: "/etc/link", Content: true}, {Path: "/etc"}, {Path: "/etc/none"},
		{Path: "/etc/file/below"}, {Path: "/etc/exact", Content: true, NoSum: true},
	}})
	want := map[string]File{
		"/etc/file":  {Mode: 0o644, UID: os.Getuid(), Size: 5, SHA256: hexSum("text\n"), Content: []byte("text\n")},
		"/var/large": {Mode: 0o644, UID: os.Getuid(), Size: MaxContent + 1, SHA256: hexSum(large)},
		"/etc/exact": {Mode: 0o644, UID: os.Getuid(), Size: MaxContent, Content: []byte(large[1:])},
		"/etc/none":  {Absent: true},
	}
	for path, w := range want {
		if got := a.Files[path]; got.Mode != w.Mode || got.UID != w.UID || got.Size != w.Size || got.SHA256 != w.SHA256 ||
			!bytes.Equal(got.Content, w.Content) || got.Absent != w.Absent || got.Err != "" {
			t.Errorf("%s: mode %v, %d bytes, %s, absent %t, error %q", path, got.Mode, got.Size, got.SHA256, got.Absent, got.Err)
		}
	}
	if got := a.Files["/etc/link"]; got.Link != "file" || got.Mode.Type() != fs.ModeSymlink || got.SHA256 != "" || got.Content != nil {
		t.Errorf("link: %+v", got)
	}
	if got := a.Files["/etc"]; !got.Mode.IsDir() || got.SHA256 != "" || got.Err != "" {
		t.Errorf("folder: %+v", got)
	}
	if got := a.Files["/etc/file/below"]; got.Absent || got.Err == "" {
		t.Errorf("a path through a file: %+v", got)
	}
}

// Who relies on Changed to read a file only once is told of other content of the
// same size, whose time was set back.
func TestAChangeShowsWhateverTheTimeOfAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/etc/file", "one")
	look := func() File {
		return r.look(t.Context(), Request{Files: []FileQuery{{Path: "/etc/file", NoSum: true}}}).Files["/etc/file"]
	}
	before, path := look(), filepath.Join(r.root, "etc/file")
	if before.Changed == 0 || look().Changed != before.Changed {
		t.Fatalf("a file that nobody touches changed at %d, then at %d", before.Changed, look().Changed)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// The kernel's clock for it has steps of some milliseconds.
	for deadline := time.Now().Add(5 * time.Second); look().Changed == before.Changed; {
		r.put("/etc/file", "two")
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("other content of the same size and time does not show")
		}
	}
}

func TestALargeFileIsNotHandedOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/large", strings.Repeat("x", MaxContent+1))
	for _, noSum := range []bool{false, true} {
		got := r.look(t.Context(), Request{Files: []FileQuery{{Path: "/large", Content: true, NoSum: noSum}}}).Files["/large"]
		if got.Err == "" || got.Content != nil || (got.SHA256 == "") != noSum || got.Size != MaxContent+1 {
			t.Errorf("noSum %t: error %q, sum %q, %d bytes", noSum, got.Err, got.SHA256, len(got.Content))
		}
	}
}

func TestALookThatIsCutShortSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/file", "text")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := r.look(ctx, Request{Files: []FileQuery{{Path: "/file"}}, Dials: []Dial{{Address: "127.0.0.1:1", Millis: 1000}}})
	if f := a.Files["/file"]; !strings.Contains(f.Err, "canceled") || f.SHA256 != "" {
		t.Errorf("got %+v", f)
	}
	if d := a.Dials[0]; d.Outcome == Answered || d.Err == "" {
		t.Errorf("got %+v", d)
	}
}

func TestSpace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/var/lib/file", "")
	a := r.look(t.Context(), Request{Spaces: []string{"/var/lib/rancher/k3s", "/", "/var/lib/file/below"}})
	for _, folder := range []string{"/var/lib/rancher/k3s", "/"} {
		if got := a.Spaces[folder]; got.Err != "" || got.Free <= 0 || got.Total < got.Free {
			t.Errorf("%s: %+v", folder, got)
		}
	}
	if got := a.Spaces["/var/lib/file/below"]; got.Err == "" {
		t.Errorf("a folder below a file: %+v", got)
	}
}

func TestSysctls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.put("/proc/sys/net/ipv4/ping_group_range", "0\t2147483647\n")
	r.put("/proc/sys/net/ipv4/conf/eth0.1/rp_filter", "1\n")
	r.put("/proc/sys/kernel/folder/key", "")
	a := r.look(t.Context(), Request{Sysctls: []string{"net.ipv4.ping_group_range", "net/ipv4/conf/eth0.1/rp_filter", "net.none"}})
	if len(a.Sysctls) != 2 || a.Sysctls["net.ipv4.ping_group_range"] != "0 2147483647" || a.Sysctls["net/ipv4/conf/eth0.1/rp_filter"] != "1" || a.Failed != nil {
		t.Errorf("got %v, failed %v", a.Sysctls, a.Failed)
	}
	for _, key := range []string{"../../etc/passwd", "", "kernel.folder"} {
		if a := r.look(t.Context(), Request{Sysctls: []string{key}}); a.Failed["sysctls"] == "" {
			t.Errorf("%q: %v", key, a.Sysctls)
		}
	}
}

func TestAPartThatFailsIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.look(t.Context(), Request{Units: []string{"k3s.service"}, Journals: []string{"k3s.service"}, Ports: true, Counters: true, Sysctls: []string{".."}})
	for _, part := range []string{"units", "ports", "counters", "sysctls"} {
		if a.Failed[part] == "" {
			t.Errorf("%s did not fail: %+v", part, a)
		}
	}
	if len(a.Units) != 0 || a.Journals["k3s.service"].Err == "" {
		t.Errorf("units %v, journals %v", a.Units, a.Journals)
	}
	if a = r.look(t.Context(), Request{}); a.Failed != nil || a.Version != Version || a.Arch == "" || time.Since(a.Time) > time.Hour {
		t.Errorf("an empty request: %+v", a)
	}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	out, err := runProgram(t.Context(), "/bin/sh", "-c", "echo $LC_ALL $TZ; echo not this >&2")
	if err != nil || out != "C UTC\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err = runProgram(t.Context(), "/bin/sh", "-c", "echo why >&2; exit 3"); err == nil || !strings.HasSuffix(err.Error(), "exit status 3: why") {
		t.Errorf("got %v", err)
	}
	if _, err = runProgram(t.Context(), "/no/such/program"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = runProgram(ctx, "/bin/sleep", "3600"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// argvOf returns how a program was run.
func (r *rig) argvOf(program string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.ran, func(argv []string) bool { return argv[0] == program })
	if i < 0 {
		r.t.Fatalf("%s was not run", program)
	}
	return r.ran[i]
}
