//go:build linux

package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// edge is a site whose nodes are a cluster.
type edge struct {
	*site
	keys   string // folder with what the edge's clients need
	server string // the API's address in the kubeconfig
}

// newEdgeClients makes the operator's ways to the edge: the authority of the
// lab's certificates, and a tunnel to the API like the one that `k3sedge
// kubeconfig` tells its users to open.
func newEdgeClients(s *site) *edge {
	s.t.Helper()
	e := &edge{site: s, keys: s.t.TempDir()}
	for _, name := range []string{"token", "agent-token"} {
		token := strings.TrimSpace(e.console("edge-1", "cat", "/var/lib/rancher/k3s/server/"+name))
		e.secrets = append(e.secrets, token[strings.LastIndex(token, ":")+1:])
	}
	e.keep("ca.crt", []byte(e.console("edge-1", "cat", "/var/lib/rancher/k3s/server/issuer/lab-ca.crt")))
	var config struct {
		Clusters []struct {
			Cluster map[string]string
		}
		Users []struct{ User map[string]string }
	}
	text := s.must(0, "kubeconfig").stdout
	if err := yaml.Unmarshal([]byte(text), &config); err != nil || len(config.Clusters) != 1 || len(config.Users) != 1 {
		s.t.Fatalf("kubeconfig: %v, %d clusters, %d users", err, len(config.Clusters), len(config.Users))
	}
	cluster, user := config.Clusters[0].Cluster, config.Users[0].User
	e.server = cluster["server"]
	for name, data := range map[string]string{
		"api-ca.crt": cluster["certificate-authority-data"], "api.crt": user["client-certificate-data"], "api.key": user["client-key-data"],
	} {
		pem, err := base64.StdEncoding.DecodeString(data)
		if err != nil || len(pem) == 0 {
			s.t.Fatalf("kubeconfig: %s: %d bytes, %v", name, len(pem), err)
		}
		e.keep(name, pem)
	}
	e.tunnel()
	return e
}

// on is the same edge for a subtest.
func (e *edge) on(t testing.TB) *edge { return &edge{e.site.on(t), e.keys, e.server} }

func (e *edge) keep(name string, content []byte) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.keys, name), content, 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *edge) key(name string) string { return filepath.Join(e.keys, name) }

// tunnel forwards the API's port until the test ends.
func (e *edge) tunnel() {
	e.t.Helper()
	argv := e.sshArgs(0, "")
	argv = append([]string{argv[0], "-N", "-o", "ExitOnForwardFailure=yes", "-L", "6443:127.0.0.1:6443"}, argv[1:len(argv)-1]...)
	cmd, _, _ := e.command(argv...)
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed, or ended with its node
	})
	eventually(e.t, "the API answers through the tunnel", 10*time.Second, func() bool { return e.kube("GET", "/readyz", "").status == http.StatusOK })
}

// console runs a command at a node's screen, as root.
func (e *edge) console(node string, argv ...string) string {
	e.t.Helper()
	cmd, err := e.lab.ConsoleCommand(e.t.Context(), node, argv...)
	if err != nil {
		e.t.Fatal(err)
	}
	out, err := cmd.Output()
	if err != nil {
		e.t.Fatalf("at the console of %s: %v: %v\n%s", node, argv, err, out)
	}
	return string(out)
}

// reply is what a client was answered. Without an answer the status is 0 and
// the body tells why.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) String() string { return fmt.Sprintf("%d %v %s", r.status, r.header, r.body) }

// curled runs curl and reads what it prints.
func curled(t testing.TB, cmd *exec.Cmd) reply {
	t.Helper()
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return reply{body: errs.String()}
	}
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(out.String())), nil)
	if err != nil {
		t.Fatalf("curl printed no answer: %v\n%s", err, out.String())
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("curl printed half an answer: %v\n%s", err, out.String())
	}
	return reply{res.StatusCode, res.Header, string(body)}
}

func curl(args ...string) []string {
	return append([]string{"curl", "--silent", "--show-error", "--include", "--raw", "--http1.1", "--max-time", "5"}, args...)
}

// get asks one node for a page, with the operator's address.
func (e *edge) get(node int, url string, options ...string) reply {
	e.t.Helper()
	cmd, _, _ := e.command(e.asking(node, url, options...)...)
	return curled(e.t, cmd)
}

// asking is the command that asks one node, whatever the name in the URL.
func (e *edge) asking(node int, url string, options ...string) []string {
	address := e.cluster.Nodes[node].Address.String()
	return curl(append(options, "--cacert", e.key("ca.crt"), "--connect-to", "::"+address+":", url)...)
}

// both asks both nodes and wants the same status of them.
func (e *edge) both(status int, url string, options ...string) []reply {
	e.t.Helper()
	var out []reply
	for i, n := range e.cluster.Nodes {
		r := e.get(i, url, options...)
		if r.status != status {
			e.t.Errorf("%s through %s: wanted %d, got %s", url, n.Name, status, r)
		}
		out = append(out, r)
	}
	return out
}

// comesBack waits until a node answers for a page.
func (e *edge) comesBack(node int, url string) {
	e.t.Helper()
	eventually(e.t, url+" through "+e.cluster.Nodes[node].Name, time.Minute, func() bool { return e.get(node, url).status == http.StatusOK })
}

// fromTunnel asks the entrypoint that only cloudflared is to use, on the node itself.
func (e *edge) fromTunnel(node, host string, options ...string) reply {
	e.t.Helper()
	cmd, err := e.lab.ConsoleCommand(e.t.Context(), node, curl(append(options, "--header", "Host: "+host, "http://127.0.0.1:8444/")...)...)
	if err != nil {
		e.t.Fatal(err)
	}
	return curled(e.t, cmd)
}

// kube sends a request to the Kubernetes API.
func (e *edge) kube(method, path, body string) reply {
	e.t.Helper()
	args := []string{"--cacert", e.key("api-ca.crt"), "--cert", e.key("api.crt"), "--key", e.key("api.key"), "--request", method, e.server + path}
	if body != "" {
		args = append(args, "--header", "Content-Type: application/json", "--data", body)
	}
	cmd, _, _ := e.command(curl(args...)...)
	return curled(e.t, cmd)
}

// object is what all objects have in common, and what tells of pods.
type object struct {
	Kind     string
	Metadata struct{ Namespace, Name, UID, ResourceVersion string }
	Spec     struct{ NodeName string }
	Status   struct {
		Conditions []struct{ Type, Status string }
	}
}

// is reports whether a condition is true.
func (o object) is(condition string) bool {
	for _, c := range o.Status.Conditions {
		if c.Type == condition {
			return c.Status == "True"
		}
	}
	return false
}

// list reads a list of the API.
func (e *edge) list(path string) []object {
	e.t.Helper()
	r := e.kube("GET", path, "")
	var list struct{ Items []object }
	if err := json.Unmarshal([]byte(r.body), &list); r.status != http.StatusOK || err != nil {
		e.t.Fatalf("GET %s: %v, %s", path, err, r)
	}
	return list.Items
}

// made are all objects with a label, by the resources of which k3sedge makes any.
func (e *edge) made(selector string) []string {
	e.t.Helper()
	var out []string
	for _, path := range []string{
		"/api/v1/namespaces", "/api/v1/services", "/api/v1/secrets", "/apis/discovery.k8s.io/v1/endpointslices", "/apis/networking.k8s.io/v1/ingresses", "/apis/networking.k8s.io/v1/networkpolicies",
		"/apis/traefik.io/v1alpha1/middlewares", "/apis/traefik.io/v1alpha1/serverstransports", "/apis/traefik.io/v1alpha1/tlsoptions",
		"/apis/traefik.io/v1alpha1/ingressroutetcps", "/apis/traefik.io/v1alpha1/middlewaretcps",
	} {
		for _, o := range e.list(path + "?labelSelector=" + selector) {
			m := o.Metadata
			out = append(out, fmt.Sprintf("%s %s/%s %s %s", filepath.Base(path), m.Namespace, m.Name, m.UID, m.ResourceVersion))
		}
	}
	return out
}

// power tells Proxmox to start or stop a node, as somebody at its screen would.
func (e *edge) power(node int, order string) {
	e.t.Helper()
	pve := e.cluster.Provider.Proxmox
	token, err := os.ReadFile(filepath.Join(e.dir, "proxmox-token"))
	if err != nil {
		e.t.Fatal(err)
	}
	e.keep("pve", []byte("Authorization: PVEAPIToken="+pve.Token.ID+"="+string(token)))
	for id := pve.VMIDs.First; id <= pve.VMIDs.Last; id++ {
		status := fmt.Sprintf("%s/api2/json/nodes/%s/qemu/%d/status/", pve.Endpoint, pve.Node, id)
		is := e.proxmox("GET", status+"current")
		if !strings.Contains(is, `"name":"`+e.cluster.Nodes[node].Name+`"`) {
			continue
		}
		e.proxmox("POST", status+order)
		want := map[string]string{"start": "running", "stop": "stopped"}[order]
		eventually(e.t, "the machine is "+want, time.Minute, func() bool {
			return strings.Contains(e.proxmox("GET", status+"current"), `"status":"`+want+`"`)
		})
		return
	}
	e.t.Fatalf("Proxmox has no %s", e.cluster.Nodes[node].Name)
}

// proxmox asks the stand-in; its certificate is not what is tested here.
func (e *edge) proxmox(method, url string) string {
	e.t.Helper()
	cmd, _, _ := e.command(curl("--insecure", "--header", "@"+e.key("pve"), "--request", method, url)...)
	return curled(e.t, cmd).body
}
