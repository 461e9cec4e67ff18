package addons

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
)

func inBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestDiff(t *testing.T) {
	t.Parallel()
	users := func(s *inventory.Service) { s.BasicAuth = &inventory.BasicAuth{Users: "env:USERS"} }
	k := newKube(t)
	diff := func(c Config) string {
		t.Helper()
		got, err := Diff(t.Context(), c, k.API())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got), canary) || strings.Contains(string(got), inBase64(canary)) {
			t.Errorf("a secret is told:\n%s", got)
		}
		return string(got)
	}
	expect := func(got string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("%q is missing in:\n%s", part, got)
			}
		}
	}
	c := testConfig(testService(users))
	expect(diff(c), "--- /dev/null\n+++ /api/v1/namespaces/edge-git\n@@ -0,0 +1,7 @@\n+apiVersion: v1\n", "+    port: 3000\n", "+  users: \"***\"\n")
	if len(k.Writes()) > 0 {
		t.Fatalf("wrote %v", k.Writes())
	}
	mustRun(t, c, k)
	if got := diff(c); got != "" {
		t.Errorf("nothing differs, but:\n%s", got)
	}

	ns := k.Object("/api/v1/namespaces/edge-git")
	ns["metadata"].(map[string]any)["labels"].(map[string]any)["team"] = "a"
	secret := k.Object("/api/v1/namespaces/edge-git/secrets/git-users")
	secret["data"] = map[string]any{"users": inBase64(canary + "other")}
	ingress := k.Object("/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git")
	ingress["spec"].(map[string]any)["ingressClassName"] = "nginx"
	put(t, k, ns, secret, ingress)
	got := diff(testConfig(testService(users, func(s *inventory.Service) { s.Headers = &inventory.Headers{Frame: "deny"} })))
	expect(got, "-    customFrameOptionsValue: SAMEORIGIN\n+    customFrameOptionsValue: DENY\n", "-  users: \"***\"\n+  users: \"*** (another)\"\n", "-  ingressClassName: nginx\n+  ingressClassName: traefik\n")
	if strings.Contains(got, "team") || strings.Contains(got, "creationTimestamp") || strings.Contains(got, "sha256") {
		t.Errorf("fields that are not ours:\n%s", got)
	}

	expect(diff(testConfig()), "--- /apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git\n+++ /dev/null\n", "secrets/git-users\n+++ /dev/null\n")
	put(t, k, slicePorts(map[string]any{"name": "http"}))
	if _, err := Diff(t.Context(), c, k.API()); err == nil {
		t.Error("a rule is broken, and the diff says nothing of it")
	}
}

// TestUnifiedDiffIsOne has patch take what we write.
func TestUnifiedDiffIsOne(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("patch"); err != nil {
		t.Skip("there is no patch")
	}
	long := strings.Split(strings.Repeat("a b c d e f g h i ", 3), " ")
	changed := append([]string{"new"}, long...)
	changed[10] = "x"
	changed = append(changed[:20], changed[22:]...)
	for name, tc := range map[string]struct{ before, after []string }{
		"made":    {nil, long},
		"removed": {long, nil},
		"changed": {long, changed},
		"back":    {changed, long},
		"same":    {long, long},
	} {
		var out bytes.Buffer
		out.WriteString("--- f\n+++ f\n")
		writeHunks(&out, compareLines(tc.before, tc.after))
		file := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(file, []byte(text(tc.before)), 0o644); err != nil {
			t.Fatal(err)
		}
		if name != "same" {
			cmd := exec.Command("patch", "-s", file)
			cmd.Stdin = &out
			if answer, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, answer)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil && len(tc.after) > 0 || string(got) != text(tc.after) {
			t.Errorf("%s: %v, got %q", name, err, got)
		}
	}
}

func text(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func FuzzCompareLines(f *testing.F) {
	f.Add("a\nb\nc", "a\nx\nc")
	f.Fuzz(func(t *testing.T, before, after string) {
		b, a := strings.Split(before, "\n"), strings.Split(after, "\n")
		if len(a)*len(b) > 1<<16 {
			t.Skip()
		}
		var gotB, gotA []string
		for _, l := range compareLines(b, a) {
			if l.side != '+' {
				gotB = append(gotB, l.text)
			}
			if l.side != '-' {
				gotA = append(gotA, l.text)
			}
		}
		if strings.Join(gotB, "\n") != before || strings.Join(gotA, "\n") != after {
			t.Errorf("%q and %q became %q and %q", before, after, gotB, gotA)
		}
	})
}
