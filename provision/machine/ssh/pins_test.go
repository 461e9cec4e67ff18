package ssh

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// newKeys makes n different host keys.
func newKeys(t *testing.T, n int) []string {
	t.Helper()
	var keys []string
	for range n {
		k, err := GenerateHostKey()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k.Public)
	}
	return keys
}

func openPins(t *testing.T, path string) *Pins {
	t.Helper()
	p, err := OpenPins(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func set(t *testing.T, p *Pins, name, address string, keys ...string) {
	t.Helper()
	if err := p.Set(name, address, keys...); err != nil {
		t.Fatal(err)
	}
}

func TestPinsAreKept(t *testing.T) {
	t.Parallel()
	path, k := filepath.Join(t.TempDir(), "known_hosts"), newKeys(t, 4)
	p := openPins(t, path)
	if got := p.Get("edge-1"); got != nil {
		t.Fatalf("a new file has %q", got)
	}
	set(t, p, "edge-1", "10.0.0.1:22", k[0])
	set(t, p, "edge-2", "10.0.0.2:2222", k[1], k[2]) // being rotated
	other := openPins(t, path)
	for _, p := range []*Pins{p, other} {
		for name, want := range map[string][]string{
			"edge-1": k[:1], "10.0.0.1": k[:1], "edge-2": k[1:3], "[10.0.0.2]:2222": k[1:3], "10.0.0.2": nil, "edge": nil,
		} {
			if got := p.Get(name); !reflect.DeepEqual(got, want) {
				t.Errorf("%s has %q, want %q", name, got, want)
			}
		}
	}
	set(t, p, "edge-2", "10.0.0.2:2222", k[2]+" a comment") // rotated
	// The other process does not undo that with what it remembers.
	set(t, other, "edge-3", "10.0.0.3:22", k[3])
	if got := openPins(t, path).Get("edge-2"); !reflect.DeepEqual(got, k[2:3]) {
		t.Errorf("edge-2 has %q", got)
	}
	if err := other.Forget("edge-1"); err != nil {
		t.Fatal(err)
	}
	last := openPins(t, path)
	if last.Get("edge-1") != nil || last.Get("10.0.0.1") != nil || last.Get("edge-3") == nil {
		t.Error("forgotten too little or too much")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// An address that moves to another node takes no old key with it.
func TestPinnedAddressHasOneOwner(t *testing.T) {
	t.Parallel()
	p, k := openPins(t, filepath.Join(t.TempDir(), "known_hosts")), newKeys(t, 2)
	set(t, p, "old", "10.0.0.1:22", k[0])
	set(t, p, "new", "10.0.0.1:22", k[1])
	if got := p.Get("10.0.0.1"); !reflect.DeepEqual(got, k[1:]) {
		t.Errorf("the address has %q", got)
	}
	if got := p.Get("old"); !reflect.DeepEqual(got, k[:1]) {
		t.Errorf("the old node has %q", got)
	}
}

func TestPinsRefuse(t *testing.T) {
	t.Parallel()
	p, k := openPins(t, filepath.Join(t.TempDir(), "known_hosts")), newKeys(t, 1)
	for _, name := range []string{"", "*", "edge-?", "!edge", "a,b", "a b", "|1|x", "#edge", "@revoked", "a\nb"} {
		if err := p.Set(name, "10.0.0.1:22", k[0]); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	for _, keys := range [][]string{nil, {""}, {"ssh-ed25519"}, {"ssh-ed25519 AAAA"}, {k[0] + "\n" + k[0]}, {k[0], "x"}} {
		if err := p.Set("edge-1", "10.0.0.1:22", keys...); err == nil {
			t.Errorf("the keys %q were taken", keys)
		}
	}
	if got := p.Get("edge-1"); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestPinsFileIsJudged(t *testing.T) {
	t.Parallel()
	key := newKeys(t, 1)[0]
	for name, tc := range map[string]struct {
		content string
		mode    os.FileMode
		want    string // in the error; "" for none
	}{
		"comments":       {"# ours\n\nedge-1 " + key + " comment\n", 0o600, ""},
		"no newline":     {"edge-1 " + key, 0o600, ""},
		"readable":       {"edge-1 " + key, 0o644, ""},
		"writable":       {"edge-1 " + key, 0o666, "others may write"},
		"a pattern":      {"*.lan " + key, 0o600, "line 1"},
		"a marker":       {"\n@cert-authority edge-1 " + key, 0o600, "line 2"},
		"a hash":         {"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= " + key, 0o600, "line 1"},
		"no key":         {"edge-1\n", 0o600, "line 1"},
		"half a key":     {"edge-1 " + key[:40], 0o600, "line 1"},
		"only rubbish":   {"\x00\x01", 0o600, "line 1"},
		"key, no name":   {key, 0o600, "line 1"},
		"revoked marker": {"@revoked edge-1 " + key, 0o600, "line 1"},
	} {
		path := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		p, err := OpenPins(path)
		switch {
		case tc.want == "" && (err != nil || len(p.Get("edge-1")) != 1):
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: got %v, want %q in it", name, err, tc.want)
		}
	}
}

func TestPinsThatHoldAreNotWrittenAgain(t *testing.T) {
	t.Parallel()
	path, k := filepath.Join(t.TempDir(), "known_hosts"), newKeys(t, 2)
	p := openPins(t, path)
	if err := p.Forget("nobody"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("forgetting nothing wrote a file: %v", err)
	}
	set(t, p, "edge-1", "10.0.0.1:22", k[0])
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	set(t, p, "edge-1", "10.0.0.1:22", k[0])
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same pin was written again: %v", err)
	}
	set(t, p, "edge-1", "10.0.0.1:22", k[1])
	if after, err := os.Stat(path); err != nil || os.SameFile(before, after) {
		t.Errorf("another key was not written: %v", err)
	}
}

// Those who only look may not have a place to write to.
func TestExpectedPinsAreInMemory(t *testing.T) {
	t.Parallel()
	path, k := filepath.Join(t.TempDir(), "missing", "known_hosts"), newKeys(t, 3)
	p := openPins(t, path)
	for _, key := range k[:2] { // the last word counts
		if err := p.Expect("edge-1", "10.0.0.1:22", key); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.Get("10.0.0.1"); !reflect.DeepEqual(got, k[1:2]) || !reflect.DeepEqual(p.Get("edge-1"), got) {
		t.Errorf("expected is %q", got)
	}
	if err := p.Expect("edge-1", "10.0.0.1:22"); err == nil {
		t.Error("nobody is expected")
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	set(t, p, "edge-1", "10.0.0.1:22", k[2])
	if got := p.Get("edge-1"); !reflect.DeepEqual(got, k[2:]) {
		t.Errorf("after another key was set: %q", got)
	}
	if err := p.Expect("edge-1", "10.0.0.1:22", k[0]); err != nil {
		t.Fatal(err)
	}
	if got := p.Get("edge-1"); !reflect.DeepEqual(got, k[:1]) || !reflect.DeepEqual(openPins(t, path).Get("edge-1"), k[2:]) {
		t.Errorf("above the file stands %q", got)
	}
	if err := p.Forget("edge-1"); err != nil || p.Get("edge-1") != nil {
		t.Errorf("forgotten, and %q is left: %v", p.Get("edge-1"), err)
	}
}

// OpenSSH finds in the file what we put there.
func TestPinsServeOpenSSH(t *testing.T) {
	t.Parallel()
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	path, k := filepath.Join(t.TempDir(), "known_hosts"), newKeys(t, 2)
	p := openPins(t, path)
	set(t, p, "edge-1", "10.0.0.1:22", k[0])
	set(t, p, "edge-2", "[fd00::2]:2222", k[1])
	for name, want := range map[string]string{"edge-1": k[0], "10.0.0.1": k[0], "edge-2": k[1], "[fd00::2]:2222": k[1]} {
		out, err := exec.Command(keygen, "-F", name, "-f", path).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
}

// FuzzParsePins checks that what is read is written back as it was meant.
func FuzzParsePins(f *testing.F) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0BlNi3mGm1ZVYwlgJbHlhgWzEJkrCRy6wqVYZpDPPQ"
	for _, s := range []string{
		"", "# x\n", "edge-1,10.0.0.1 " + key + "\n", "[fd00::1]:2222 " + key + " comment\n\n", "* " + key, "@revoked a " + key, "a\x00b " + key,
		fmt.Sprintf("a %s\na %s\n", key, key),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := parsePins(data)
		if err != nil {
			return
		}
		written := formatPins(first)
		second, err := parsePins(written)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, written, err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%q was %v and became %v", data, first, second)
		}
	})
}
