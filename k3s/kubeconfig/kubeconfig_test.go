package kubeconfig_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/k3s/kubeconfig"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// written is a kubeconfig as K3s writes it.
func written(t testing.TB) []byte {
	t.Helper()
	s, err := fakekube.New().Serve()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Kubeconfig()
}

func parsed(t testing.TB, data []byte) kubeconfig.Config {
	t.Helper()
	c, err := kubeconfig.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	t.Parallel()
	c := parsed(t, written(t))
	if c.Server != "https://127.0.0.1:6443" || !bytes.Contains(c.CA, []byte("BEGIN CERTIFICATE")) || !bytes.Contains(c.Key, []byte("PRIVATE KEY")) {
		t.Errorf("got %s with a CA of %d bytes", c.Server, len(c.CA))
	}
	if trust, err := c.TLS(); err != nil || len(trust.Certificates) != 1 || trust.RootCAs == nil {
		t.Errorf("TLS: %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, c); got != c.Server {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := string(written(t))
	key := good[strings.Index(good, "client-key-data: ")+len("client-key-data: "):]
	key = strings.TrimSpace(key)
	for name, tc := range map[string]struct{ text, words string }{
		"empty":               {"", "kind Config"},
		"another kind":        {strings.Replace(good, "kind: Config", "kind: Pod", 1), "kind Config"},
		"half":                {good[:len(good)/2], "read the kubeconfig"},
		"no YAML":             {good + "\t: [" + key, "not the YAML"},
		"no current context":  {strings.Replace(good, "current-context: default", "current-context: other", 1), "no current context"},
		"no such user":        {strings.Replace(good, "- name: default\n  user:", "- name: other\n  user:", 1), "user of its current context"},
		"a key cut short":     {strings.Replace(good, key, key[:40], 1), "client-key-data"},
		"no base64":           {strings.Replace(good, key, "!"+key, 1), "client-key-data is missing or not base64"},
		"no CA":               {strings.Replace(good, "certificate-authority-data", "certificate-authority", 1), "certificate-authority-data is missing"},
		"an address by HTTP":  {strings.Replace(good, "https://", "http://", 1), "https://"},
		"another certificate": {strings.Replace(good, key, strings.Repeat("A", 40), 1), "client-key-data"},
	} {
		_, err := kubeconfig.Parse([]byte(tc.text))
		if err == nil || !strings.Contains(fmt.Sprint(err), tc.words) {
			t.Errorf("%s: got %v, want %q", name, err, tc.words)
			continue
		}
		if strings.Contains(fmt.Sprint(err), key[:20]) {
			t.Errorf("%s: the error shows the key", name)
		}
		wantHint(t, err)
	}
}

func wantHint(t *testing.T, err error) {
	t.Helper()
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("no hint in %v", err)
	}
}

func TestForIsReadAgain(t *testing.T) {
	t.Parallel()
	c := parsed(t, written(t))
	out, err := kubeconfig.For(c, "home", "https://10.0.0.11:6443")
	if err != nil {
		t.Fatal(err)
	}
	again := parsed(t, out)
	if again.Server != "https://10.0.0.11:6443" || !bytes.Equal(again.Key, c.Key) || !bytes.Equal(again.CA, c.CA) {
		t.Errorf("read again: %v", again)
	}
	if n := strings.Count(string(out), "name: home\n"); n != 3 || !strings.Contains(string(out), "current-context: home\n") {
		t.Errorf("%d entries are called home", n)
	}
	if _, err := kubeconfig.For(c, "home", "10.0.0.11"); err == nil {
		t.Error("an address without https:// was taken")
	}
}

// ours is a kubeconfig for the user that fits into a golden file.
const ours = `apiVersion: v1
kind: Config
clusters:
    - name: home
      cluster:
        certificate-authority-data: Q0E=
        server: https://10.0.0.11:6443
users:
    - name: home
      user:
        client-certificate-data: Q0VSVA==
        client-key-data: S0VZ
contexts:
    - name: home
      context:
        cluster: home
        user: home
current-context: home
`

func merged(t testing.TB, existing string, use bool) string {
	t.Helper()
	out, err := kubeconfig.Merge([]byte(existing), []byte(ours), use)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kubeconfig.Merge(out, []byte(ours), use)
	if err != nil || !bytes.Equal(out, again) {
		t.Errorf("a second merge: %v, makes of\n%s\nthis\n%s", err, out, again)
	}
	return string(out)
}

func TestMergeKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	existing, err := os.ReadFile("testdata/many.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := merged(t, string(existing), false)
	goldenfile.Compare(t, "testdata/many.golden", []byte(got), *update)
	if asked := merged(t, string(existing), true); asked != strings.Replace(got, "current-context: work", "current-context: home", 1) {
		t.Errorf("with the context asked for:\n%s", asked)
	}
}

func TestMergeIntoLittle(t *testing.T) {
	t.Parallel()
	flat := strings.ReplaceAll(ours, "\n    ", "\n")
	for name, tc := range map[string]struct{ existing, want string }{
		"nothing":           {"", ours},
		"spaces":            {"\n  \n", ours},
		"only comments":     {"# mine\n#more", "# mine\n#more\n" + ours},
		"an empty document": {"# mine\n---\n", "# mine\n" + ours},
		"kubectl's nothing": {"apiVersion: v1\nkind: Config\nclusters: null\nusers: []\ncontexts: []\ncurrent-context: \"\"\n", flat},
		"braces":            {"{}\n", flat},
		"all of it":         {"# as it was\n\n" + ours, "# as it was\n\n" + ours},
	} {
		if got := merged(t, tc.existing, false); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

func TestMergeKeepsJSON(t *testing.T) {
	t.Parallel()
	got := merged(t, `{"kind": "Config", "apiVersion": "v1", "clusters": [{"name": "a", "cluster": {"server": "https://a"}}], "users": [], "contexts": []}`, false)
	var doc struct {
		Clusters []struct{ Name string }
		Current  string `json:"current-context"`
	}
	if err := json.Unmarshal([]byte(got), &doc); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if len(doc.Clusters) != 2 || doc.Clusters[1].Name != "home" || doc.Current != "home" {
		t.Errorf("got %s", got)
	}
}

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ existing, words string }{
		"broken YAML":       {"clusters:\n- name: a\n  cluster: {server: x\n", "not YAML"},
		"two documents":     {"kind: Config\n---\nkind: Config\n", "more than one document"},
		"another kind":      {"kind: Secret\n", "something else"},
		"a list":            {"- a\n", "something else"},
		"words":             {"hello\n", "something else"},
		"no list":           {"clusters: {a: b}\n", "clusters is not a list"},
		"a key given twice": {"clusters: []\nclusters: []\n", "already defined"},
	} {
		out, err := kubeconfig.Merge([]byte(tc.existing), []byte(ours), false)
		if err == nil || out != nil || !strings.Contains(fmt.Sprint(err), tc.words) {
			t.Errorf("%s: got %v with %q, want %q", name, err, out, tc.words)
			continue
		}
		wantHint(t, err)
	}
}

func FuzzParse(f *testing.F) {
	good := written(f)
	f.Add(good)
	f.Add([]byte(ours))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := kubeconfig.Parse(data)
		if err != nil {
			return
		}
		if _, err := c.TLS(); err != nil {
			t.Errorf("accepted, but %v", err)
		}
	})
}

func FuzzMerge(f *testing.F) {
	many, err := os.ReadFile("testdata/many.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(many), ours, "", "{}", "clusters: &a []\nusers: *a\n", "kind: Config\ncontexts: [{name: home, context: 3}]\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, existing []byte) {
		out, err := kubeconfig.Merge(existing, []byte(ours), true)
		if err != nil {
			return
		}
		if !bytes.Contains(out, []byte("https://10.0.0.11:6443")) {
			t.Fatalf("ours is not in\n%s", out)
		}
		again, err := kubeconfig.Merge(out, []byte(ours), true)
		if err != nil || !bytes.Equal(again, out) {
			t.Errorf("a second merge: %v\n%s\nof\n%s", err, again, out)
		}
	})
}
