package inventory

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// However broken a file is, loading ends with a project or with problems that
// each say where.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"proxmox.yaml", "existing.yaml", "service.yaml", "service-full.golden.yaml", "init-proxmox.golden.yaml", "init-existing.golden.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), string(data))
	}
	for _, s := range []string{"", "---\n---\n", "a: &a [*a]", "? {a: b}\n: c", "nodes: [{}, {address: ::}]", "network: {cidr: 0.0.0.0/0}", "\xef\xbb\xbfkind: x", "<<: *x"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, cluster, service string) {
		p, err := build(source{"k3sedge.yaml", []byte(cluster)}, []source{{"services/git.yaml", []byte(service)}}, "", nil)
		if err == nil {
			if len(p.Cluster.Nodes) == 0 || len(p.Cluster.SSH.AllowFrom) == 0 || len(p.Services) != 1 {
				t.Errorf("accepted %+v", p)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 || !reflect.DeepEqual(p, Project{}) {
			t.Fatalf("%T %v with %+v", err, err, p)
		}
		for _, p := range problems {
			content := map[string]string{"k3sedge.yaml": cluster, "services/git.yaml": service}[p.File]
			if p.Line < 1 || p.Line > linesOf(content) || p.Message == "" || p.Hint == "" {
				t.Errorf("%#v", p)
			}
		}
	})
}

// linesOf counts lines as YAML does, with an empty one after the last break.
func linesOf(content string) int {
	lines := 1
	for _, lineBreak := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		lines += strings.Count(content, lineBreak)
	}
	return lines
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"4GiB", "512MiB", "1TiB", "0MiB", "9223372036854775807TiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		size, err := ParseSize(s)
		if err != nil {
			return
		}
		again, err := ParseSize(size.String())
		if err != nil || again != size || size <= 0 {
			t.Errorf("%q is %d, which is written %s and read as %d, %v", s, int64(size), size, int64(again), err)
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"9100-9119", "1-1", "2-1", "-", "999999999-999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var r Range
		if r.UnmarshalText([]byte(s)) == nil && (r.String() != s || r.Len() < 1 || !r.Contains(r.First) || !r.Contains(r.Last)) {
			t.Errorf("%q is %v", s, r)
		}
	})
}

func FuzzPublicKey(f *testing.F) {
	f.Add(publicKey("ssh-ed25519", 32) + " me")
	f.Add(keyLine("ssh-rsa", "ssh-rsa", "\x03", strings.Repeat("\xff", 384)))
	f.Add(keyLine("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "nistp256", "\x04"+strings.Repeat("p", 64)))
	f.Add("ssh-ed25519 AAAA")
	f.Fuzz(func(t *testing.T, line string) {
		if checkPublicKey(line, loginKeyTypes()) == nil && (strings.ContainsAny(line, "\n\r\x00") || len(strings.Fields(line)) < 2) {
			t.Errorf("%q is accepted", line)
		}
	})
}

func FuzzSecretRef(f *testing.F) {
	for _, s := range []string{"env:A", "file:x", "cmd:y", ":", "env", "env:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref := SecretRef(s)
		if ref.check() == nil && !strings.HasPrefix(s, "env:") && !strings.HasPrefix(s, "file:") && !strings.HasPrefix(s, "cmd:") {
			t.Errorf("%q is accepted", s)
		}
		_ = ref.Shown()
	})
}
