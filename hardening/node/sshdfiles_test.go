package node

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// testHostKey was made for this test, and opens nothing.
const testHostKey = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCPEw1e5yuDGWF99gMi4daFpfupsn1EkVlqSOtOFKx4qQAAAIisjbXOrI21
zgAAAAtzc2gtZWQyNTUxOQAAACCPEw1e5yuDGWF99gMi4daFpfupsn1EkVlqSOtOFKx4qQ
AAAEAeoxLOm5KUD1KBRopPcpn4zcSFyrVQeJDW/nel/ul9Wo8TDV7nK4MZYX32AyLh1oWl
+6myfUSRWWpI604UrHipAAAAAAECAwQF
-----END OPENSSH PRIVATE KEY-----
`

// testHostPrint is what ssh-keygen -l says of it.
const testHostPrint = "SHA256:3tULOo2/4jva8tqlwIp9Aq2CpzSykJ9qMxRPVqXrCYQ"

const testModuli = `# Time Type Tests Tries Size Generator Modulus
20220414141037 2 6 100 2047 2 DD
20220414141037 2 6 100 2047 5 DE
20220414141102 2 6 100 3071 2 E0
20220414141102 2 6 100 8191 2 E1
`

// startSSHD gives the world an sshd that runs, and what it was made of.
func (w *world) startSSHD(t *testing.T) {
	t.Helper()
	w.put(t, "/etc/ssh/ssh_host_ed25519_key", testHostKey)
	w.mode(t, "/etc/ssh/ssh_host_ed25519_key", 0o600)
	w.put(t, moduliFile, testModuli)
	w.put(t, sshd, "a program")
	w.put(t, "/proc/42/comm", "sshd\n")
	w.put(t, "/run/sshd.pid", "42\n")
}

func TestHostKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startSSHD(t)
	w.put(t, "/old", "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n")
	w.put(t, "/old.pub", ed25519Key+" root@a\n")
	w.put(t, "/odd", "no key\n")
	w.mode(t, "/odd", 0o644)
	own := facts.HostKey{UID: os.Geteuid(), GID: os.Getegid(), Mode: 0o644}
	want := []facts.HostKey{
		{File: "/etc/ssh/ssh_host_ed25519_key", Type: "ssh-ed25519", Bits: 256, Fingerprint: testHostPrint, Mode: 0o600, UID: own.UID, GID: own.GID},
		{File: "/old", Type: "ssh-ed25519", Bits: 256, Fingerprint: "SHA256:eTuKmnGuEPuUB97zpYBdJ3NUeQ3htzR5iPNeo5k3x8M", Mode: own.Mode, UID: own.UID, GID: own.GID},
		{File: "/odd", Type: unreadableKey, Mode: own.Mode, UID: own.UID, GID: own.GID},
		{File: "/nope"},
	}
	files := []string{"/etc/ssh/ssh_host_ed25519_key", "/old", "/odd", "/nope"}
	if have, err := w.host().hostKeys(files); err != nil || !slices.Equal(have, want) {
		t.Errorf("%+v, %v\nwant %+v", have, err, want)
	}
	w.pipe(t, "/pipe")
	for _, files := range [][]string{nil, {"/pipe"}} {
		if have, err := w.host().hostKeys(files); err == nil {
			t.Errorf("%q: %+v", files, have)
		}
	}
}

func FuzzPublicHalf(f *testing.F) {
	f.Add([]byte(testHostKey))
	f.Add([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABA==\n-----END OPENSSH PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if key, ok := parseKeyBlob(publicHalf(file)); ok && (key.Type == "" || !strings.HasPrefix(key.Fingerprint, "SHA256:")) {
			t.Errorf("%+v", key)
		}
	})
}

func TestModuli(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startSSHD(t)
	have, err := w.host().moduli(moduliFile)
	if err != nil || have.File != moduliFile || !maps.Equal(have.Sizes, map[int]int{2047: 2, 3071: 1, 8191: 1}) {
		t.Errorf("%+v, %v", have, err)
	}
	if have, err := w.host().moduli("/nope"); err != nil || len(have.Sizes) != 0 {
		t.Errorf("%+v, %v", have, err)
	}
	if _, err := w.host().moduli(""); err == nil {
		t.Error("nowhere, and an answer")
	}
}

func TestKeepModuli(t *testing.T) {
	t.Parallel()
	have, err := keepModuli(testModuli, 3071)
	if err != nil || strings.Contains(have, " 2047 ") || strings.Count(have, "\n") != 3 || !strings.HasPrefix(have, "# Time") {
		t.Errorf("%q, %v", have, err)
	}
	for _, content := range []string{"", "# none\n", testModuli[:strings.Index(testModuli, "20220414141102")]} {
		if have, err := keepModuli(content, 3071); err == nil {
			t.Errorf("%q: %q", content, have)
		}
	}
}

func FuzzKeepModuli(f *testing.F) {
	f.Add(testModuli)
	f.Fuzz(func(t *testing.T, content string) {
		kept, err := keepModuli(content, 3071)
		if err != nil {
			return
		}
		for line := range strings.Lines(kept) {
			if size, ok := modulusSize(line); ok && size < 3071 {
				t.Errorf("%q is still there", line)
			}
		}
		if again, err := keepModuli(kept, 3071); err != nil || again != kept {
			t.Errorf("%q becomes %q, %v", kept, again, err)
		}
	})
}

func TestDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startSSHD(t)
	origins, _, err := w.host().origins()
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.host().daemon("/run/sshd.pid", origins, []string{"/etc/ssh/ssh_host_ed25519_key", "/nope"})
	if err != nil || d.PID != 42 || d.Loaded == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	var paths []string
	for _, f := range d.Files {
		paths = append(paths, f.Path)
		if f.Changed > d.Loaded+int64(time.Minute) || f.Changed < d.Loaded-int64(time.Minute) {
			t.Errorf("%+v beside %d", f, d.Loaded)
		}
	}
	want := []string{sshdConfig, "/etc/ssh/sshd_config.d", "/etc/ssh/sshd_config.d/50-cloud-init.conf", "/etc/ssh/ssh_host_ed25519_key", sshd}
	if !slices.Equal(paths, want) {
		t.Errorf("files %q, want %q", paths, want)
	}
	for name, spoil := range map[string]func(){
		"gone":    func() { w.put(t, "/run/sshd.pid", "43\n") },
		"no file": func() { w.drop(t, "/run/sshd.pid") },
	} {
		spoil()
		if d, err := w.host().daemon("/run/sshd.pid", nil, nil); err != nil || d.PID != 0 || d.Loaded != 0 {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	w.put(t, "/run/sshd.pid", "no number\n")
	for _, file := range []string{"", "/run/sshd.pid"} {
		if d, err := w.host().daemon(file, nil, nil); err == nil {
			t.Errorf("%q: %+v", file, d)
		}
	}
}
