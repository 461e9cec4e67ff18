package gitops

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

func TestGoldenFormats(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{YAML, Kustomize, Flux, ArgoCD} {
		e := Export{Cluster: "home", Format: format, Groups: groups(), Repo: "https://git.example.org/ops/edge.git", Path: "deploy/edge"}
		files, counts, err := e.Files(nil)
		if err != nil || counts != (Counts{Named: 1, Filled: 1}) {
			t.Fatalf("%s: %+v, %v", format, counts, err)
		}
		golden(t, string(format), files)
	}
}

// TestEveryDocumentIsAnObject reads all files back, whatever the format.
func TestEveryDocumentIsAnObject(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{YAML, Kustomize, Flux, ArgoCD} {
		e := Export{Cluster: "home", Format: format, Groups: groups(), Repo: "https://git.example.org/ops/edge.git", Path: "edge", Seal: testSealer(t, controllerCert(t), "key")}
		files, counts, err := e.Files(nil)
		if err != nil || counts != (Counts{Sealed: 1, Anew: 1, Filled: 1}) {
			t.Fatalf("%s: %+v, %v", format, counts, err)
		}
		kinds := map[string]int{}
		for name, data := range files {
			if !strings.HasSuffix(name, ".yaml") {
				continue
			}
			for documents := yaml.NewDecoder(bytes.NewReader(data)); ; {
				var o struct{ APIVersion, Kind string }
				if documents.Decode(&o) != nil {
					break
				}
				kinds[o.Kind]++
			}
		}
		if kinds["SealedSecret"] != 1 || kinds["Secret"] != 1 || kinds["Ingress"] != 1 || kinds["Namespace"] != 3 {
			t.Errorf("%s: %v", format, kinds)
		}
		if want := "Certificates are not in these files. `secrets.txt` says"; !strings.Contains(string(files["README.md"]), want) {
			t.Errorf("%s: no word on what others fill:\n%s", format, files["README.md"])
		}
		if want := "\nkubectl annotate secret -n edge-git git-users sealedsecrets.bitnami.com/managed=true\n```\n"; !strings.Contains(string(files["README.md"]), want) {
			t.Errorf("%s: no word on the Secret that is there:\n%s", format, files["README.md"])
		}
		if text := string(files[secretsFile]); strings.Contains(text, "git-users") || !strings.Contains(text, "wiki-tls") {
			t.Errorf("%s: what is named is not what others fill, and that alone:\n%s", format, text)
		}
	}
}

// TestFluxParts wait for one another, each in its own folder.
func TestFluxParts(t *testing.T) {
	t.Parallel()
	files, _, err := Export{Cluster: "home", Format: Flux, Groups: groups()}.Files(nil)
	if err != nil {
		t.Fatal(err)
	}
	documents := yaml.NewDecoder(bytes.NewReader(files[fluxFile]))
	before := ""
	for n := 0; ; n++ {
		var k struct {
			Metadata object.Meta
			Spec     struct {
				Path      string
				DependsOn []struct{ Name string } `yaml:"dependsOn"`
			}
		}
		if documents.Decode(&k) != nil {
			if n != 3 {
				t.Errorf("%d Kustomizations", n)
			}
			return
		}
		if after := k.Spec.DependsOn; (before == "") != (len(after) == 0) || before != "" && after[0].Name != before {
			t.Errorf("%s waits for %v, and comes after %q", k.Metadata.Name, after, before)
		}
		before = k.Metadata.Name
		folder := strings.TrimPrefix(k.Spec.Path, "./") + "/"
		found := false
		for name := range files {
			found = found || strings.HasPrefix(name, folder)
		}
		if !found {
			t.Errorf("%s: nothing is in %s", before, folder)
		}
	}
}

func TestRefusedExports(t *testing.T) {
	t.Parallel()
	var hint interface{ Hint() string }
	if _, _, err := (Export{Format: "helm", Groups: groups()}).Files(nil); !errors.As(err, &hint) || !strings.Contains(err.Error(), `"helm" is no format`) {
		t.Errorf("another format: %v", err)
	}
	if _, _, err := (Export{Format: ArgoCD, Groups: groups()}).Files(nil); !errors.Is(err, errNoRepo) || !errors.As(err, &hint) {
		t.Errorf("no repository: %v", err)
	}
	if _, _, err := (Export{Format: YAML, Groups: []Group{{Part: "x"}}}).Files(nil); !errors.Is(err, errPart) {
		t.Errorf("no part: %v", err)
	}
}

// TestSecretsThatNobodyHasWords are told to come from k3sedge.
func TestSecretsThatNobodyHasWords(t *testing.T) {
	t.Parallel()
	s := object.Secret{Meta: object.Meta{Name: "a", Namespace: "b"}, Type: "Opaque", Hidden: map[string]inventory.Secret{"two": inventory.NewSecret(canary), "one": inventory.NewSecret(canary)}}
	text := string(list([]object.Secret{s}))
	if !strings.Contains(text, "b          a     Opaque  one  k3sedge up\nb          a     Opaque  two  k3sedge up\n") || strings.Contains(text, canary) {
		t.Errorf("%s", text)
	}
}

// TestTheSameTwice: the order of maps does not show.
func TestTheSameTwice(t *testing.T) {
	t.Parallel()
	e := Export{Cluster: "home", Format: ArgoCD, Groups: groups(), Repo: "x", Seal: testSealer(t, controllerCert(t), "key")}
	first, _, err := e.Files(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, counts, err := e.Files(first)
		if err != nil || counts != (Counts{Sealed: 1, Filled: 1}) || !maps.EqualFunc(first, again, bytes.Equal) {
			t.Fatalf("%+v, %v", counts, err)
		}
	}
}
