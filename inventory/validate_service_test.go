package inventory

import (
	"strings"
	"testing"
)

func TestValidateServices(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, old, new string
		want           []string
	}{
		{"good", "", "", nil},
		{"public", "host:", "expose: public\nhost:", nil},
		{"kind", "kind: Service", "kind: Cluster", []string{"services/git.yaml:2: kind: not Service"}},
		{"no name", "name: git\n", "", []string{"services/git.yaml:1: name: is missing"}},
		{"digit", "name: git", "name: 2fauth", []string{"services/git.yaml:3: name: not a name for a service"}},
		{"other name", "name: git", "name: wiki", []string{"services/git.yaml:3: name: not that of the file"}},
		{"no host", "host: git.example.org\n", "", []string{"services/git.yaml:1: host: is missing"}},
		{"scheme", "git.example.org", "https://git.example.org", []string{"services/git.yaml:4: host: not a host name"}},
		{"no domain", "git.example.org", "git", []string{"services/git.yaml:4: host: not a host name"}},
		{"expose", "host:", "expose: everybody\nhost:", []string{"services/git.yaml:4: expose: neither lan nor public"}},
		{"no backend", "to:\n  - 10.0.0.20:3000", "to: []", []string{"services/git.yaml:5: to: is missing"}},
		{"backend without port", ":3000", "", []string{"services/git.yaml:6: to[0]: not address:port"}},
		{"port zero", ":3000", ":0", []string{"services/git.yaml:6: to[0]: not address:port"}},
		{"name as backend", "10.0.0.20", "git.lan", []string{"services/git.yaml:6: to[0]: not address:port"}},
		{"loopback", "10.0.0.20", "127.0.0.1", []string{"services/git.yaml:6: to[0]: not the address of a server"}},
		{"multicast", "10.0.0.20", "224.0.0.1", []string{"services/git.yaml:6: to[0]: not the address of a server"}},
		{"pod", "10.0.0.20", "10.42.0.7", []string{"services/git.yaml:6: to[0]: inside 10.42.0.0/16, which K3s uses inside the cluster"}},
		{"edge", "10.0.0.20:3000", "10.0.0.11:443", []string{"services/git.yaml:6: to[0]: the edge itself"}},
		{"on the edge", "10.0.0.20:3000", "10.0.0.11:3000", nil},
		{"twice", ":3000", ":3000\n  - 10.0.0.20:3000", []string{"services/git.yaml:7: to[1]: the same as to[0]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, "existing.yaml")
			f.write("services/git.yaml", strings.Replace(testdata(t, "service.yaml"), tc.old, tc.new, 1), 0o644)
			f.expect(tc.want...)
		})
	}
}

func TestServicesOfTheSameNameOrHost(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.write("services/git.yaml", testdata(t, "service.yaml"), 0o644)
	f.write("services/wiki.yaml", testdata(t, "service.yaml"), 0o644)
	first := "the same as in " + f.path + "/services/git.yaml"
	want := []string{"services/wiki.yaml:3: name: not that of the file", "services/wiki.yaml:3: name: the same as in services/git.yaml",
		"services/wiki.yaml:4: host: the same as in services/git.yaml"}
	f.expect(want...)
	if _, err := f.load(); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("%v does not name the first file", err)
	}
}
