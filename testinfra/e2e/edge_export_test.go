//go:build linux

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kubectl runs the real one, as somebody who has the export and nothing of k3sedge.
func (e *edge) kubectl(args ...string) result {
	e.t.Helper()
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", "kubectl"))
	if err == nil {
		_, err = os.Stat(program)
	}
	if err != nil {
		e.t.Fatalf("no kubectl; .ci/kubectl bin/kubectl builds it: %v", err)
	}
	cmd, out, errs := e.command(append([]string{"env", "KUBECONFIG=" + e.key("kubeconfig"), program}, args...)...)
	return e.finish(cmd.Run(), out, errs)
}

// apply has kubectl apply an export, as the file in it tells people to.
func (e *edge) apply(dir string, more ...string) result {
	e.t.Helper()
	r := e.kubectl(append([]string{"apply", "--server-side", "--field-manager=k3sedge", "-f", dir}, more...)...)
	if r.code != 0 {
		e.t.Fatalf("kubectl apply: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	return r
}

// asExported wants the cluster to be what an export says, to the last field.
func (e *edge) asExported(args ...string) {
	e.t.Helper()
	if r := e.kubectl(append([]string{"diff", "--server-side", "--field-manager=k3sedge"}, args...)...); r.code != 0 {
		e.t.Errorf("the cluster differs from the export: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// exported: what is written is what is in the cluster, and brings it back where
// it was lost, by plain kubectl.
func exported(t *testing.T, e *edge) {
	e.must(0, "add-service", "argocd", "--host", "argocd.lab.test", "--to", "10.77.0.50:3443", "--passthrough", "--force") // its server is off
	e.keep("kubeconfig", []byte(e.must(0, "kubeconfig").stdout))
	dir := filepath.Join(t.TempDir(), "edge")
	first := e.must(0, "export", "--to", dir)
	if want := "secrets are not in the files"; !strings.Contains(first.stderr, want) {
		t.Errorf("%q is not in\n%s", want, first.stderr)
	}
	for _, name := range []string{"10-traefik.yaml", "50-edge.yaml", "60-services-git.yaml", "60-services-argocd.yaml", "secrets.txt"} {
		if !strings.Contains(first.stdout, filepath.Join(dir, name)+"\n") && name != "secrets.txt" {
			t.Errorf("%s is not told:\n%s", name, first.stdout)
		}
		e.refuseSecrets(result{stdout: e.read(filepath.Join(dir, name))})
	}
	if named := e.read(filepath.Join(dir, "secrets.txt")); !strings.Contains(named, "git-tls") || strings.Contains(named, "argocd-tls") {
		t.Errorf("what nobody fills but the user is to be named, and that alone:\n%s", named)
	}
	if again := e.must(0, "export", "--to", dir); !strings.Contains(again.stderr, "no change") {
		t.Errorf("the second export is another:\n%s", again.stderr)
	}
	if r := e.apply(dir, "--dry-run=server"); strings.Count(r.stdout, "serverside-applied") < 20 {
		t.Errorf("the API server takes only\n%s", r.stdout)
	}
	e.asExported("-f", dir)
	e.must(0, "export", "--to", dir+"-k", "--format", "kustomize")
	e.asExported("-k", dir+"-k")

	// What all services share and two of them are lost.
	for _, name := range []string{"k3sedge-system", "edge-git", "edge-argocd"} {
		path := "/api/v1/namespaces/" + name
		if r := e.kube("DELETE", path, ""); r.status != http.StatusOK {
			t.Fatalf("delete %s: %s", name, r)
		}
		eventually(t, name+" is gone", 30*time.Second, func() bool { return e.kube("GET", path, "").status == http.StatusNotFound })
	}
	e.must(3, "up", "--plan")
	e.apply(dir)
	e.must(0, "up", "--plan")
	for i := range e.cluster.Nodes {
		eventually(t, "the service answers again", 30*time.Second, func() bool { return e.get(i, gitPage).status == http.StatusOK })
	}
	e.must(0, "remove-service", "argocd")
}
