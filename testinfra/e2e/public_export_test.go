//go:build linux

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// publicExport: what is written of cert-manager, the issuers, the tunnel and
// the services is what is in the cluster, and brings back what was lost.
func publicExport(t *testing.T, p *public) {
	p.must(0, "up") // one certificate for the zone, where the part before was left out
	p.keep("kubeconfig", []byte(p.must(0, "kubeconfig").stdout))
	dir := filepath.Join(t.TempDir(), "edge")
	first := p.must(0, "export", "--to", dir)
	if want := "warning: 2 secrets are not in the files"; !strings.Contains(first.stderr, want) {
		t.Errorf("%q is not in\n%s", want, first.stderr)
	}
	for secret, from := range map[string]string{"cloudflare-api-token": "file:", "cloudflared-token": "the tunnel's token at Cloudflare"} {
		if !regexp.MustCompile(`(?m)^\S+ +` + secret + ` .* ` + from).MatchString(p.read(filepath.Join(dir, "secrets.txt"))) {
			t.Errorf("%s by %s is not in\n%s", secret, from, p.read(filepath.Join(dir, "secrets.txt")))
		}
	}
	for _, name := range []string{"10-traefik", "20-cert-manager", "30-issuers", "40-tunnel", "50-edge", "60-services-git"} {
		if _, err := os.Stat(filepath.Join(dir, name+".yaml")); err != nil {
			t.Error(err)
		}
	}
	objects := 0
	for name := range strings.Lines(first.stdout) {
		text := p.read(strings.TrimSpace(name))
		p.refuseSecrets(result{stdout: text})
		objects += len(regexp.MustCompile(`(?m)^kind: `).FindAllString(text, -1))
	}
	if r := p.apply(dir, "--dry-run=server"); strings.Count(r.stdout, "serverside-applied") != objects {
		t.Errorf("of %d objects the API server takes only\n%s", objects, r.stdout)
	}
	p.asExported("-f", dir)
	p.must(0, "export", "--to", dir+"-k", "--format", "kustomize")
	p.asExported("-k", dir+"-k")

	// An issuer, the connectors, and a service are lost.
	for _, path := range []string{"/apis/cert-manager.io/v1/clusterissuers/acme-cloudflare", "/apis/apps/v1/namespaces/k3sedge-tunnel/daemonsets/cloudflared", "/api/v1/namespaces/edge-git"} {
		if r := p.kube("DELETE", path, ""); r.status != http.StatusOK {
			t.Fatalf("delete %s: %s", path, r)
		}
		eventually(t, path+" is gone", 30*time.Second, func() bool { return p.kube("GET", path, "").status == http.StatusNotFound })
	}
	p.must(3, "up", "--plan")
	p.apply(dir)
	eventually(t, "up has nothing to do", 3*time.Minute, func() bool { return p.k3sedge("up", "--plan").code == 0 })
	p.asExported("-f", dir)
	p.both(http.StatusOK, gitPage)
	eventually(t, "a visitor is served again", 30*time.Second, func() bool { return p.fromOutside("git.lab.test").status == http.StatusOK })
}
