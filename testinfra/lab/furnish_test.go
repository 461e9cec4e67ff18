//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFurnish(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{bundleFile: "authority of the world\n", "etc/elsewhere": "nameserver 192.0.2.9\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/elsewhere", filepath.Join(root, resolvFile)); err != nil {
		t.Fatal(err)
	}
	s, err := Plain{Name: "m", Address: "10.77.0.21", User: "u", AuthorizedKeys: []string{"k"}}.seed()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // two boots
		if err := furnish(root, s, []byte("authority of the lab\n")); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		resolvFile: "nameserver 10.77.0.5\n", bundleFile: "authority of the world\nauthority of the lab\n",
		extraCAFile: "authority of the lab\n", "etc/elsewhere": "nameserver 192.0.2.9\n",
	} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	if err := furnish(t.TempDir(), seed{}, []byte("x")); err != nil {
		t.Errorf("a machine that has nothing: %v", err)
	}
	if err := furnish(filepath.Join(root, "nowhere"), seed{}, nil); err == nil {
		t.Error("no machine is furnished")
	}
}

func FuzzResolvConf(f *testing.F) {
	f.Add([]byte("version: 2\nethernets: {lan: {nameservers: {addresses: [10.77.0.5]}}}\n"))
	f.Fuzz(func(_ *testing.T, network []byte) { resolvConf(network) })
}
