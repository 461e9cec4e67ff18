package chart

import (
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func packed(t *testing.T, template string) []byte {
	t.Helper()
	out, err := fakekube.PackChart("x", map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "values.yaml": "a: 1\nb: {c: 2, d: 3}\n",
		"values.schema.json": `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"},"b":{"type":"object"}}}`,
		"templates/x.yaml":   template, "templates/NOTES.txt": "not YAML: {",
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRenderTakesLaterValuesFirst(t *testing.T) {
	t.Parallel()
	type doc struct{ A, C, D int }
	tgz := packed(t, "a: {{ .Values.a }}\nc: {{ .Values.b.c }}\nd: {{ .Values.b.d }}\n---# as in cert-manager's\na: 9\n")
	manifests, err := (Ref{Name: "x", Namespace: "y"}).Render(tgz, []byte("a: 5\nb: {c: 6}\n"), []byte("b: {c: 7}\n"))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := Decode[doc](manifests)
	if err != nil || len(docs) != 2 || docs[0] != (doc{5, 7, 3}) || docs[1].A != 9 {
		t.Errorf("%+v, %v", docs, err)
	}
	if _, err := Decode[doc](map[string]string{"x.yaml": "a: ["}); err == nil {
		t.Error("what is not YAML is read")
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ template, values, want string }{
		"unknown key": {"", "x: 1", "refuses the values"},
		"no YAML":     {"", "a: [", "read the values"},
		"a failure":   {`{{ fail "not so" }}`, "", "not so"},
	} {
		if _, err := (Ref{Name: "x"}).Render(packed(t, tc.template), []byte(tc.values)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load([]byte("no chart")); err == nil {
		t.Error("what is no chart is loaded")
	}
}
