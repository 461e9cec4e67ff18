//go:build linux

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	argoPage = "https://argocd.lab.test/"
	ofArgo   = "k3sedge.dev/service=argocd"
)

// argo asks a node for the service, and trusts the server's own certificate alone.
func (e *edge) argo(node int) []string {
	return curl("--cacert", e.key("backend-ca.pem"), "--connect-to", "::"+e.cluster.Nodes[node].Address.String()+":", argoPage)
}

// kindsMade are the kinds of a service's objects.
func (e *edge) kindsMade(selector string) map[string]int {
	e.t.Helper()
	out := map[string]int{}
	for _, o := range e.made(selector) {
		kind, _, _ := strings.Cut(o, " ")
		out[kind]++
	}
	return out
}

// passthrough: the server's own certificate is what clients see, at every
// node, and neither form of a service leaves anything to the other.
func passthrough(t *testing.T, e *edge) {
	e.serveTLS()
	argocd := func(more ...string) []string {
		return append([]string{"add-service", "argocd", "--host", "argocd.lab.test", "--to", "10.77.0.50:3443"}, more...)
	}
	e.trouble(1, 2, []string{"from edge-1", "speaks no TLS", "--passthrough"},
		"add-service", "argocd", "--host", "argocd.lab.test", "--to", "10.77.0.50:3000", "--passthrough")
	began := time.Now()
	r := e.must(0, argocd("--passthrough")...)
	t.Logf("add-service took %.2f s", time.Since(began).Seconds())
	if want := "shows a certificate for example.com, argocd.lab.test, by CN=a server's own"; strings.Count(r.stderr, want) != 1 {
		t.Errorf("%q is not told once:\n%s", want, r.stderr)
	}
	through := func(wanted bool) {
		t.Helper()
		for i, n := range e.cluster.Nodes {
			cmd, _, _ := e.command(e.argo(i)...)
			if r := curled(t, cmd); (r.status == http.StatusOK && r.body == "over TLS") != wanted {
				t.Errorf("through %s, wanted %v: %s", n.Name, wanted, r)
			}
		}
	}
	through(true)
	if again := e.must(0, argocd("--passthrough", "--output", "json")...); strings.Contains(again.stdout, "step-chang") {
		t.Errorf("the same again is a change:\n%s", again.stdout)
	}
	e.takenByName()

	// The edge ends TLS: with its own certificate, and no object of before.
	e.must(0, argocd("--scheme", "https", "--ca", e.key("backend-ca.pem"), "--replace")...)
	through(false)
	through(false)
	e.both(http.StatusOK, argoPage)
	if made := e.kindsMade(ofArgo); made["ingressroutetcps"] > 0 || made["ingresses"] != 1 {
		t.Errorf("ordinary: %v", made)
	}
	e.must(0, argocd("--passthrough", "--allow", "10.77.0.66/32", "--replace")...)
	if made := e.kindsMade(ofArgo); made["ingresses"]+made["middlewares"]+made["serverstransports"]+made["secrets"] > 0 || made["middlewaretcps"] != 1 || made["ingressroutetcps"] != 1 {
		t.Errorf("handed over: %v", made)
	}
	eventually(t, "nobody else may come", 10*time.Second, func() bool {
		cmd, _, _ := e.command(e.argo(0)...)
		return curled(t, cmd).status == 0
	})
	stranger, err := e.lab.StrangerCommand(t.Context(), e.argo(0)...)
	if err != nil {
		t.Fatal(err)
	}
	if r := curled(t, stranger); r.status != http.StatusOK {
		t.Errorf("who may come: %s", r)
	}
	e.must(0, "remove-service", "argocd")
	if made := e.made(ofArgo); len(made) > 0 {
		t.Errorf("left: %v", made)
	}
}

// takenByName: somebody's route for HTTP on the host is refused, and so is ours
// where somebody hands the host over.
func (e *edge) takenByName() {
	e.t.Helper()
	const routes = "/apis/traefik.io/v1alpha1/namespaces/default/ingressroutetcps"
	r := e.kube("POST", routes, `{"apiVersion":"traefik.io/v1alpha1","kind":"IngressRouteTCP","metadata":{"name":"theirs"},"spec":{"entryPoints":["websecure"],
		"routes":[{"match":"HostSNI(`+"`theirs.lab.test`"+`)","services":[{"name":"theirs","port":443}]}],"tls":{"passthrough":true}}}`)
	if r.status != http.StatusCreated {
		e.t.Fatalf("make an IngressRouteTCP: %s", r)
	}
	e.trouble(2, 1, []string{"theirs.lab.test", "default/theirs", "before every route for HTTP"}, "add-service", "ours", "--host", "theirs.lab.test", "--to", "10.77.0.50:3000")
	e.trouble(2, 1, []string{"theirs.lab.test", "default/theirs"}, "add-service", "ours", "--host", "theirs.lab.test", "--to", "10.77.0.50:3443", "--passthrough")
	if r := e.kube("DELETE", routes+"/theirs", ""); r.status != http.StatusOK {
		e.t.Errorf("delete the IngressRouteTCP: %s", r)
	}
}
