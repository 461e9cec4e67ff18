package addons

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// there is an object as a list would have it.
func there(t *testing.T, k object.Kind, raw string) item {
	t.Helper()
	items, _, err := parseList(k, []byte(`{"kind":"`+k.Name+`List","items":[`+raw+`]}`))
	if err != nil || len(items) != 1 {
		t.Fatalf("%v, %v", items, err)
	}
	return items[0]
}

func TestDifferenceOfAnObject(t *testing.T) {
	t.Parallel()
	wants, err := rendered(nil, "git", []object.Object{object.Service{Meta: object.Meta{Name: "git", Namespace: "edge-git"}, Spec: object.ServiceSpec{ClusterIP: "None"}}})
	if err != nil {
		t.Fatal(err)
	}
	w := wants[0]
	head := func(sum, rest string) string {
		return `{"metadata":{"name":"git","namespace":"edge-git","labels":{"app.kubernetes.io/managed-by":"k3sedge"},"annotations":{"k3sedge.dev/applied":"` + sum + `"}},` + rest
	}
	for name, tc := range map[string]struct {
		raw, want string
		anew      bool
	}{
		"holds":            {head(w.sum, `"spec":{"clusterIP":"None","ports":null,"type":"ClusterIP"},"status":{}}`), "", false},
		"other checksum":   {head("sha256:0", `"spec":{"clusterIP":"None","ports":null}}`), "no longer wanted", false},
		"checksum gone":    {strings.Replace(head("", `"spec":{"clusterIP":"None","ports":null}}`), object.Applied, "x", 1), "no longer wanted", false},
		"other field":      {head("sha256:0", `"spec":{"clusterIP":"None","ports":[]}}`), "spec.ports", false},
		"field that stays": {head(w.sum, `"spec":{"clusterIP":"10.43.0.1","ports":null}}`), "spec.clusterIP", true},
		"no spec":          {head(w.sum, `"kind":"Service"}`), "spec", true},
	} {
		live := there(t, object.Service{}.Kind(), tc.raw)
		got, err := w.difference(live)
		if err != nil || (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) || w.fixed(live) != tc.anew {
			t.Errorf("%s: %q, %v, anew %v", name, got, err, w.fixed(live))
		}
	}
}

func TestOurs(t *testing.T) {
	t.Parallel()
	head := func(namespace, service, applied string) string {
		return `{"metadata":{"name":"x","namespace":"` + namespace + `","labels":{"app.kubernetes.io/managed-by":"k3sedge","k3sedge.dev/service":"` + service + `"},"annotations":{"k3sedge.dev/applied":"` + applied + `"}}}`
	}
	for name, tc := range map[string]struct {
		raw  string
		want bool
	}{
		"a service's":              {head("edge-git", "git", "sha256:1"), true},
		"for all":                  {head("k3sedge-system", "", "sha256:1"), true},
		"copied elsewhere":         {head("default", "git", "sha256:1"), false},
		"copied to another":        {head("edge-wiki", "git", "sha256:1"), false},
		"never applied":            {head("edge-git", "git", ""), false},
		"of another manager":       {strings.Replace(head("edge-git", "git", "sha256:1"), `"k3sedge",`, `"helm",`, 1), false},
		"in the system, but named": {head("k3sedge-system", "git", "sha256:1"), false},
	} {
		if got := there(t, object.Secret{}.Kind(), tc.raw).ours(); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	ns := there(t, object.Namespace{}.Kind(), `{"metadata":{"name":"edge-git","labels":{"app.kubernetes.io/managed-by":"k3sedge","k3sedge.dev/service":"git"},"annotations":{"k3sedge.dev/applied":"x"}}}`)
	if !ns.ours() {
		t.Error("a service's namespace is not ours")
	}
}

func TestAnswersThatAreNoList(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "<html>", "an object": `{"kind":"Secret","metadata":{"name":"x"}}`, "another list": `{"kind":"PodList","items":[]}`,
		"no name": `{"kind":"SecretList","items":[{"metadata":{}}]}`, "no object": `{"kind":"SecretList","items":[7]}`, "no items": `{"kind":"SecretList","items":7}`,
	} {
		if items, _, err := parseList(object.Secret{}.Kind(), []byte(text)); err == nil {
			t.Errorf("%s: taken for %v", name, items)
		}
	}
}

func TestOwnFields(t *testing.T) {
	t.Parallel()
	live := there(t, object.Secret{}.Kind(), `{"metadata":{"name":"x","namespace":"edge-git","uid":"1","labels":{"a":"1","b":"2"},"managedFields":[
		{"manager":"kubectl","operation":"Update","fieldsV1":{"f:metadata":{"f:labels":{"f:b":{}}}}},
		{"manager":"k3sedge","operation":"Apply","fieldsV1":{"f:metadata":{"f:labels":{"f:a":{}}},"f:data":{".":{},"f:users":{},"f:ca.crt":{}}}}]},
		"type":"Opaque","data":{"users":"c2VjcmV0","ca.crt":"UEVN","other":"c2VjcmV0"}}`)
	for want, wanted := range map[string]map[string]any{
		`{"apiVersion":"v1","data":{"ca.crt":"UEVN","users":"***"},"kind":"Secret","metadata":{"labels":{"a":"1"},"name":"x","namespace":"edge-git"}}`:                               nil,
		`{"apiVersion":"v1","data":{"ca.crt":"UEVN","other":"***","users":"***"},"kind":"Secret","metadata":{"labels":{"a":"1"},"name":"x","namespace":"edge-git"},"type":"Opaque"}`: {"data": map[string]any{"other": ""}, "type": ""},
	} {
		own, err := live.own(wanted)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(own)
		if err != nil || string(got) != want {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want)
		}
	}
}

func TestSecretsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	c := testConfig(testService(func(s *inventory.Service) { s.BasicAuth = &inventory.BasicAuth{Users: "env:A"} }),
		named("pve", https, func(s *inventory.Service) { s.TLS = &inventory.BackendTLS{CA: "file:/nowhere/ca.pem"} }))
	c.Secrets = failing
	k := newKube(t)
	_, _, err := run(t, c, k)
	for _, want := range []string{"service git: basicAuth.users: env:A is not set", "service pve: tls.ca:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if len(k.Requests()) > 0 {
		t.Errorf("the cluster was asked all the same: %v", k.Requests())
	}
	c.Only = "other"
	if wants, err := c.desired(t.Context()); err != nil || len(wants) == 0 {
		t.Errorf("services that are not chosen were resolved: %v", err)
	}
}
