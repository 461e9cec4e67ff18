package addons

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

func locked(s *inventory.Service) { s.BasicAuth = &inventory.BasicAuth{Users: "env:USERS"} }

// TestGroupsOfObjects are one for all and one for each service, and together the same
// as what is applied.
func TestGroupsOfObjects(t *testing.T) {
	t.Parallel()
	c := testConfig(testService(), named("wiki", locked))
	groups, err := Groups(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var objects []object.Object
	for _, g := range groups {
		names = append(names, g.Service)
		objects = append(objects, g.Objects...)
	}
	if !slices.Equal(names, []string{"", "git", "wiki"}) {
		t.Errorf("groups %q", names)
	}
	k := newKube(t)
	mustRun(t, c, k)
	for _, o := range objects {
		if k.Object(object.Path(o)) == nil {
			t.Errorf("%s is not applied", object.Path(o))
		}
	}
	if n := len(k.Writes()); n != len(objects) {
		t.Errorf("%d objects, %d are applied", len(objects), n)
	}
}

// TestWhoFillsACertificate: where cert-manager does not, the secret is named, and who has to.
func TestWhoFillsACertificate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cluster inventory.Cluster
		service inventory.Service
		want    string
	}{
		"nobody":         {testCluster(inventory.EdgeTunnel), testService(), "you: a certificate for git.example.org"},
		"no edge":        {inventory.Cluster{}, testService(), "you: a certificate for git.example.org"},
		"origin":         {certified(byOrigin, byZone), testService(), "k3sedge up: Cloudflare's Origin CA, for git.example.org"},
		"by host":        {certified(), testService(), ""},
		"by zone":        {certified(byZone), testService(), ""},
		"passed through": {testCluster(inventory.EdgeTunnel), testService(passthrough), ""},
	} {
		c := testConfig(tc.service)
		c.Cluster = tc.cluster
		groups, err := Groups(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if all, own := groups[0], groups[1]; len(all.Filled) > 0 || (len(own.Filled) == 1) != (tc.want != "") {
			t.Fatalf("%s: %v, %v", name, all.Filled, own.Filled)
		}
		for _, s := range groups[1].Filled {
			if s.Namespace != "edge-git" || s.Name != "git-tls" || s.Type != "kubernetes.io/tls" || len(s.Hidden) != 2 || s.From["tls.crt"] != tc.want || s.From["tls.key"] != tc.want {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

// TestGroupsWithoutSecrets name the same objects, and say what fills them.
func TestGroupsWithoutSecrets(t *testing.T) {
	t.Parallel()
	c := testConfig(named("wiki", locked))
	with, err := YAML(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	c.Secrets = nil
	without, err := YAML(t.Context(), c)
	if err != nil || !bytes.Equal(with, without) {
		t.Errorf("%v\n%s", err, without)
	}
	groups, err := Groups(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range groups[1].Objects {
		if s, ok := o.(object.Secret); ok && s.From["users"] == "env:USERS" {
			c.Secrets = failing
			if _, err := Groups(t.Context(), c); !errors.Is(err, errNotSet) {
				t.Errorf("a reference that cannot be followed: %v", err)
			}
			return
		}
	}
	t.Errorf("no secret says what fills it: %+v", groups[1].Objects)
}
