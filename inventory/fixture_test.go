package inventory

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// folder is a project's folder with a home folder beside it.
type folder struct {
	t          *testing.T
	path, home string
}

// newFolder makes a folder that holds the named file of testdata as
// k3sedge.yaml, and the keys that it names.
func newFolder(t *testing.T, name string) folder {
	t.Helper()
	root := t.TempDir()
	f := folder{t: t, path: filepath.Join(root, "project"), home: filepath.Join(root, "home")}
	f.write("k3sedge.yaml", testdata(t, name), 0o644)
	f.write("keys/admin.pub", "# the admin\n"+publicKey("ssh-ed25519", 32)+" admin@lan\n", 0o644)
	f.write("../home/.ssh/id", privateKey("OPENSSH PRIVATE KEY"), 0o600)
	return f
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (f folder) write(name, content string, mode os.FileMode) {
	f.t.Helper()
	path := filepath.Join(f.path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		f.t.Fatal(err)
	}
	// The umask must not decide a test.
	if err := os.Chmod(path, mode); err != nil {
		f.t.Fatal(err)
	}
}

// replace edits k3sedge.yaml; what is to be replaced must be there.
func (f folder) replace(pairs ...string) {
	f.t.Helper()
	content := f.read("k3sedge.yaml")
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(content, pairs[i]) {
			f.t.Fatalf("%q does not stand in k3sedge.yaml", pairs[i])
		}
		content = strings.Replace(content, pairs[i], pairs[i+1], 1)
	}
	f.write("k3sedge.yaml", content, 0o644)
}

func (f folder) read(name string) string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.path, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(data)
}

func (f folder) load() (Project, error) {
	return load(filepath.Join(f.path, "k3sedge.yaml"), f.home)
}

func (f folder) mustLoad() Project {
	f.t.Helper()
	p, err := f.load()
	if err != nil {
		f.t.Fatalf("load: %v", err)
	}
	return p
}

// problems loads and returns what was wrong, one line each, with paths from
// the project's folder. Every problem must come with a hint.
func (f folder) problems() []string {
	f.t.Helper()
	_, err := f.load()
	if err == nil {
		return nil
	}
	var problems Problems
	if !errors.As(err, &problems) {
		f.t.Fatalf("load: %T %v, want Problems", err, err)
	}
	var lines []string
	for _, p := range problems {
		if p.Hint == "" {
			f.t.Errorf("%v has no hint", p)
		}
		line := strings.ReplaceAll(p.Error(), f.path+string(filepath.Separator), "")
		lines = append(lines, strings.ReplaceAll(line, f.home, "HOME"))
	}
	return lines
}

// expect compares the problems with those wanted.
func (f folder) expect(want ...string) {
	f.t.Helper()
	got := f.problems()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		f.t.Errorf("problems are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// wire is the binary form of a public key.
func wire(parts ...string) []byte {
	var out []byte
	for _, p := range parts {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(p))), p...)
	}
	return out
}

// publicKey is a line with a key of that type and length.
func publicKey(keyType string, length int) string {
	return keyLine(keyType, keyType, strings.Repeat("k", length))
}

func keyLine(keyType string, parts ...string) string {
	return keyType + " " + base64.StdEncoding.EncodeToString(wire(parts...))
}

// privateKey is what a private key file looks like from outside.
func privateKey(block string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: block, Bytes: []byte("openssh-key-v1\x00 not a key")}))
}
