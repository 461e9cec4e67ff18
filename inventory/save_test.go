package inventory

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

// fullService uses every key there is. Its paths are inside the folder.
func fullService(f folder) Service {
	return Service{
		APIVersion: APIVersion, Kind: "Service", Name: "pve", Host: "*.example.org", To: []string{"10.0.0.20:8006", "[fd00::20]:8006"},
		Expose: ExposePublic, Scheme: SchemeHTTPS, TLS: &BackendTLS{CA: "file:" + filepath.Join(f.path, "ca.pem"), ServerName: "pve.lan"},
		Preset: PresetStrict, RateLimit: Off, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::/64")},
		BasicAuth: &BasicAuth{Users: SecretRef("file:" + filepath.Join(f.path, "services", "users"))},
		Headers: &Headers{
			HSTS: "24h", CSP: "default-src 'self'; img-src * data:", CSPReportOnly: true, Frame: "deny",
			PermissionsPolicy: `camera=(), usb=(self "https://a.org")`, ReferrerPolicy: "no-referrer",
		},
		Middlewares: []string{"auth-login@kubernetescrd"},
	}
}

func newProject(t *testing.T) folder {
	t.Helper()
	f := newFolder(t, "existing.yaml")
	f.replace("k3s:", "k3s:\nedge: {mode: tunnel}")
	f.write("ca.pem", certificate(t), 0o644)
	return f
}

func (f folder) services() string { return ServicesDir(filepath.Join(f.path, "k3sedge.yaml")) }

func TestEncodeService(t *testing.T) {
	t.Parallel()
	full := fullService(folder{path: "/home/me/edge"})
	full.TLS.Insecure, full.Headers.HSTSPreload = true, true // nothing is validated here
	for name, s := range map[string]Service{"full": full, "small": {Name: "git", Host: "git.example.org", To: []string{"10.0.0.20:3000"}}} {
		data, err := EncodeService(s)
		if err != nil {
			t.Fatal(err)
		}
		goldenfile.Compare(t, filepath.Join("testdata", "service-"+name+".golden.yaml"), data, *update)
	}
}

// What is saved is loaded as it was, wherever the program runs.
func TestSaveService(t *testing.T) {
	t.Parallel()
	f := newProject(t)
	before := f.mustLoad()
	want := []Service{{Name: "git", Host: "git.example.org", To: []string{"10.0.0.20:3000"}}, fullService(f)}
	for i, s := range want {
		p, err := before.WithService(s)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		want[i] = p.Services[0]
		path, err := SaveService(f.services(), s, false)
		if err != nil || path != filepath.Join(f.path, "services", s.Name+".yaml") {
			t.Fatalf("%s is saved at %s, %v", s.Name, path, err)
		}
	}
	if got := f.mustLoad().Services; !reflect.DeepEqual(got, want) {
		t.Errorf("services are loaded as\n%+v, want\n%+v", got, want)
	}
	if text := f.read("services/pve.yaml"); !strings.Contains(text, "file:../ca.pem") || !strings.Contains(text, "file:users") {
		t.Errorf("the project could not be moved:\n%s", text)
	}
}

func TestSaveServiceAgain(t *testing.T) {
	t.Parallel()
	f := newProject(t)
	noted := "# mine\n" + testdata(t, "service.yaml")
	f.write("services/git.yaml", noted, 0o644)
	s := Service{Name: "git", Host: "GIT.example.org", To: []string{"10.0.0.20:3000"}}
	for _, replace := range []bool{false, true} {
		if _, err := SaveService(f.services(), s, replace); err != nil || f.read("services/git.yaml") != noted {
			t.Errorf("what says the same already is written anew, %v", err)
		}
	}
	s.Preset = PresetAPI
	if _, err := SaveService(f.services(), s, false); !errors.Is(err, fs.ErrExist) || hintOf(err) == "" || f.read("services/git.yaml") != noted {
		t.Errorf("another service of that name: %v", err)
	}
	if _, err := SaveService(f.services(), s, true); err != nil || f.mustLoad().Services[0].Preset != PresetAPI {
		t.Errorf("it is not replaced: %v", err)
	}
	f.write("services/git.yaml", "a: [", 0o644)
	if _, err := SaveService(f.services(), s, true); err != nil || f.mustLoad().Services[0].Preset != PresetAPI {
		t.Errorf("a broken file is not replaced: %v", err)
	}
	if entries, err := os.ReadDir(f.services()); err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	if _, err := SaveService(filepath.Join(f.path, "k3sedge.yaml"), s, true); err == nil {
		t.Error("saved below a file")
	}
}

func TestServiceNamesStayInTheFolder(t *testing.T) {
	t.Parallel()
	f := newProject(t)
	for _, name := range []string{"", "../k3sedge", "a/b", ".git", "Git", "a.b"} {
		if _, err := SaveService(f.services(), Service{Name: name}, true); !errors.Is(err, errServiceName) || hintOf(err) == "" {
			t.Errorf("save %q: %v", name, err)
		}
		if err := RemoveService(f.services(), name); !errors.Is(err, errServiceName) || hintOf(err) == "" {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	f.mustLoad()
}

func TestRemoveService(t *testing.T) {
	t.Parallel()
	f := newProject(t)
	f.write("services/git.yaml", testdata(t, "service.yaml"), 0o644)
	for name, hint := range map[string]string{"gti": `did you mean "git"?`, "photos": "k3sedge services lists those there are"} {
		if err := RemoveService(f.services(), name); !errors.Is(err, fs.ErrNotExist) || hintOf(err) != hint {
			t.Errorf("remove %s: %v (%s)", name, err, hintOf(err))
		}
	}
	if err := RemoveService(f.services(), "git"); err != nil || len(f.mustLoad().Services) != 0 {
		t.Errorf("remove: %v", err)
	}
}

func TestWithService(t *testing.T) {
	t.Parallel()
	f := newProject(t)
	f.write("services/git.yaml", testdata(t, "service.yaml"), 0o644)
	before := f.mustLoad()
	added, err := before.WithService(Service{Name: "docs", Host: "Bücher.example.org", To: []string{"10.0.0.21:80"}})
	if err != nil || len(added.Services) != 2 || added.Services[0].Host != "xn--bcher-kva.example.org" || added.Services[0].Preset != PresetWeb {
		t.Errorf("added: %+v, %v", added.Services, err)
	}
	moved := before.Services[0]
	moved.To = []string{"10.0.0.22:3000"}
	changed, err := before.WithService(moved)
	if err != nil || len(changed.Services) != 1 || changed.Services[0].To[0] != "10.0.0.22:3000" || before.Services[0].To[0] != "10.0.0.20:3000" {
		t.Errorf("changed: %+v, %v, before %+v", changed.Services, err, before.Services)
	}
	_, err = before.WithService(Service{Name: "wiki", Host: "git.example.org", To: []string{"10.0.0.11:443", "nas:80"}, Preset: "x"})
	want := []string{"host: the same as in services/git.yaml", "preset: not one of web, api, media, upload, strict",
		"to[0]: the edge itself: requests would go round in a circle", "to[1]: not address:port"}
	if err == nil || err.Error() != "services/wiki.yaml: "+strings.Join(want, "\nservices/wiki.yaml: ") {
		t.Errorf("problems are\n%v", err)
	}
	before.Cluster.K3s = nil
	if _, err = before.WithService(moved); err == nil {
		t.Error("a service without K3s is accepted")
	}
}

func TestShortenRef(t *testing.T) {
	t.Parallel()
	p := places{folder: "/edge/services"}
	for ref, want := range map[string]string{
		"": "", "env:A": "env:A", "file:": "file:", "file:/edge/services/a": "file:a", "file:/edge/ca.pem": "file:../ca.pem", "file:/edge/a/../b/c": "file:../b/c",
		"file:/etc/ca.pem": "file:/etc/ca.pem", "file:/edges/ca.pem": "file:/edges/ca.pem",
	} {
		if got := p.shortenRef(ref); got != want {
			t.Errorf("%s is %s, want %s", ref, got, want)
		}
		if ref != "" && ref != "file:" && p.expandRef(want) != places.expandRef(places{}, ref) {
			t.Errorf("%s is read back as %s", ref, p.expandRef(want))
		}
	}
	if got := (places{folder: "services"}).shortenRef("file:ca.pem"); got != "file:../ca.pem" {
		t.Errorf("relative paths are related as %s", got)
	}
}
