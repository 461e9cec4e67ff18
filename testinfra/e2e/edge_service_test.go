//go:build linux

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	gitPage = "https://git.lab.test/"
	policy  = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'"
	feature = "camera=(), microphone=(), geolocation=()"
)

// git is the service that most people begin with: plain HTTP behind, security
// headers and a limit in front.
func git(more ...string) []string {
	return append([]string{"add-service", "git", "--host", "git.lab.test", "--to", "10.77.0.50:3000",
		"--hsts", "8760h", "--csp", policy, "--permissions-policy", feature, "--rate-limit", "100/s:200"}, more...)
}

// service is the file of a service.
func (e *edge) service(name string) string { return filepath.Join(e.dir, "services", name+".yaml") }

func (e *edge) hasFile(name string) bool {
	e.t.Helper()
	_, err := os.Stat(e.service(name))
	if err != nil && !os.IsNotExist(err) {
		e.t.Fatal(err)
	}
	return err == nil
}

const ofGit = "k3sedge.dev/service=git"

// unwritten: both ways to see a service first leave everything as it is.
func unwritten(t *testing.T, e *edge) {
	diff := e.must(0, git("--dry-run")...).stdout
	for _, want := range []string{"+++ /api/v1/namespaces/edge-git", "+    contentSecurityPolicy: \"" + policy + "\"", "+    - host: git.lab.test", `+      - "10.77.0.50"`} {
		if !strings.Contains(diff, want+"\n") {
			t.Errorf("%q is not in the diff:\n%s", want, diff)
		}
	}
	kinds := map[string]int{}
	documents := yaml.NewDecoder(strings.NewReader(e.must(0, git("-o", "yaml")...).stdout))
	for {
		var o struct{ APIVersion, Kind string }
		if err := documents.Decode(&o); err != nil {
			break // the end, or the counts are wrong
		}
		kinds[o.Kind]++
	}
	for kind, n := range map[string]int{"Namespace": 2, "Service": 1, "EndpointSlice": 1, "Ingress": 1, "TLSOption": 2} {
		if kinds[kind] != n {
			t.Errorf("%d of kind %s in the manifests, want %d: %v", kinds[kind], kind, n, kinds)
		}
	}
	if made := e.made(ofGit); len(made) > 0 || e.hasFile("git") {
		t.Errorf("written: %v, file %v", made, e.hasFile("git"))
	}
}

func seedService(t *testing.T, e *edge) {
	began := time.Now()
	r := e.must(0, git()...)
	t.Logf("add-service took %.2f s", time.Since(began).Seconds())
	for _, n := range e.cluster.Nodes {
		if want := gitPage + " answers at " + n.Address.String(); !strings.Contains(r.stdout, want) {
			t.Errorf("%q is not in the answer:\n%s", want, r.stdout)
		}
	}
	// The command has seen each node answer: so must everybody.
	for i, got := range e.both(http.StatusOK, gitPage+"a/b?c=d") {
		for name, want := range map[string]string{
			"Strict-Transport-Security": "max-age=31536000", "Content-Security-Policy": policy,
			"X-Content-Type-Options": "nosniff", "Permissions-Policy": feature, "X-Frame-Options": "SAMEORIGIN",
		} {
			if have := got.header.Get(name); have != want {
				t.Errorf("%s is %q, want %q", name, have, want)
			}
		}
		var seen struct {
			Server, Host, Path, From string
			Headers                  map[string]string
		}
		if err := json.Unmarshal([]byte(got.body), &seen); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		node := e.cluster.Nodes[i].Address.String()
		if seen.Server != "10.77.0.50" || seen.Host != "git.lab.test" || seen.Path != "/a/b" || !strings.HasPrefix(seen.From, node+":") ||
			seen.Headers["X-Real-Ip"] != "10.77.0.2" || seen.Headers["X-Forwarded-Proto"] != "https" {
			t.Errorf("the server saw %+v", seen)
		}
	}
}

// seedAnswers are those that are not the application's.
func seedAnswers(t *testing.T, e *edge) {
	for _, r := range e.both(http.StatusMovedPermanently, "http://git.lab.test/a?b=c") {
		if to := r.header.Get("Location"); to != gitPage+"a?b=c" {
			t.Errorf("redirected to %s", to)
		}
	}
	// A host that nobody has is refused by name, and shown no certificate at all.
	for _, r := range e.both(0, "https://other.lab.test/", "--insecure") {
		if !strings.Contains(r.body, "unrecognized name") {
			t.Errorf("not refused for its name: %s", r)
		}
	}
	// One host by its certificate, another by its request.
	e.both(http.StatusMisdirectedRequest, gitPage, "--header", "Host: other.lab.test")
	// What is before TLS 1.2 is not spoken for the service.
	for _, r := range e.both(0, gitPage, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0") {
		if !strings.Contains(r.body, "alert") && !strings.Contains(r.body, "handshake") {
			t.Errorf("not refused for its version of TLS: %s", r)
		}
	}
}

// limited: whoever asks too often is told so, and nobody else is. The limit is
// for each minute, so that a slow machine does not run into the next one.
func limited(t *testing.T, e *edge) {
	const page = "https://slow.lab.test/"
	e.must(0, "add-service", "slow", "--host", "slow.lab.test", "--to", "10.77.0.50:3000", "--rate-limit", "5/m:5", "--expose", "public")
	cmd, out, errs := e.command(e.asking(0, page+"[1-30]", "--fail-early", "--output", "/dev/null", "--write-out", "%{http_code}\n")...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	said := map[string]int{}
	for _, code := range strings.Fields(out.String()) {
		said[code]++
	}
	if said["200"] < 5 || said["200"] > 10 || said["429"] != 30-said["200"] {
		t.Errorf("30 requests, 5 at once allowed: %v", said)
	}
	for _, forged := range []string{"X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip"} {
		if r := e.get(0, page, "--header", forged+": 198.51.100.1"); r.status != http.StatusTooManyRequests {
			t.Errorf("past the limit with %s: %s", forged, r)
		}
	}
	stranger, err := e.lab.StrangerCommand(t.Context(), e.asking(0, page)...)
	if err != nil {
		t.Fatal(err)
	}
	if r := curled(t, stranger); r.status != http.StatusOK {
		t.Errorf("another client: %s", r)
	}
	// All visitors come out of the tunnel from one address, and are told apart all the same.
	for try := range 7 {
		want := http.StatusOK
		if try >= 5 {
			want = http.StatusTooManyRequests
		}
		if r := e.fromTunnel("edge-1", "slow.lab.test", "--header", "Cf-Connecting-Ip: 198.51.100.1"); r.status != want {
			t.Errorf("visitor's request %d: %s", try+1, r)
		}
	}
	if r := e.fromTunnel("edge-1", "slow.lab.test", "--header", "Cf-Connecting-Ip: 198.51.100.2"); r.status != http.StatusOK {
		t.Errorf("another visitor: %s", r)
	}
}

// exposed: what is for the LAN does not exist for those who come through the
// tunnel; what is public does, with a file that says so. Servers take turns.
func exposed(t *testing.T, e *edge) {
	e.must(0, "add-service", "site", "--host", "site.lab.test", "--to", "10.77.0.50:3000", "--to", "10.77.0.51:3000", "--expose", "public")
	for _, n := range e.cluster.Nodes {
		if r := e.fromTunnel(n.Name, "git.lab.test"); r.status != http.StatusNotFound {
			t.Errorf("a LAN service from the tunnel of %s: %s", n.Name, r)
		}
		if r := e.fromTunnel(n.Name, "site.lab.test"); r.status != http.StatusOK {
			t.Errorf("a public service from the tunnel of %s: %s", n.Name, r)
		}
	}
	for i, n := range e.cluster.Nodes {
		turns := map[string]int{}
		for range 6 {
			var seen struct{ Server string }
			r := e.get(i, "https://site.lab.test/")
			if err := json.Unmarshal([]byte(r.body), &seen); err != nil {
				t.Fatalf("%v: %s", err, r)
			}
			turns[seen.Server]++
		}
		if turns["10.77.0.50"] != 3 || turns["10.77.0.51"] != 3 {
			t.Errorf("6 requests through %s went to %v", n.Name, turns)
		}
	}
}

// addedAgain: the same is no change; anything else has to be said.
func addedAgain(t *testing.T, e *edge) {
	before, file := e.made(ofGit), e.read(e.service("git"))
	if len(before) == 0 {
		t.Fatal("the service has no objects: this would pass on nothing")
	}
	if r := e.must(0, git("--output", "json")...); strings.Contains(r.stdout, "step-chang") {
		t.Errorf("the same again is a change:\n%s", r.stdout)
	}
	other := []string{"add-service", "git", "--host", "git.lab.test", "--to", "10.77.0.51:3000"}
	e.trouble(2, 1, []string{"git", "--replace"}, other...)
	diff := e.must(0, append(other, "--replace", "--dry-run")...).stdout
	for _, want := range []string{`-      - "10.77.0.50"`, `+      - "10.77.0.51"`, "+++ /dev/null"} {
		if !strings.Contains(diff, want+"\n") {
			t.Errorf("%q is not in the diff:\n%s", want, diff)
		}
	}
	if after := e.made(ofGit); !slices.Equal(after, before) || e.read(e.service("git")) != file {
		t.Errorf("something was written:\nbefore %v\nafter %v", before, after)
	}
	e.must(0, append(other, "--replace")...)
	for i := range e.cluster.Nodes {
		eventually(t, "the other server answers", 10*time.Second, func() bool {
			r := e.get(i, gitPage)
			return strings.Contains(r.body, `"server":"10.77.0.51"`) && r.header.Get("Content-Security-Policy") == ""
		})
	}
	e.must(0, git("--replace")...)
}

func (e *edge) read(path string) string {
	e.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		e.t.Fatal(err)
	}
	return string(text)
}

// takenHost: by another service of the folder, or by somebody else's route.
func takenHost(t *testing.T, e *edge) {
	e.trouble(2, 1, []string{"host", "services/git.yaml"}, "add-service", "git2", "--host", "git.lab.test", "--to", "10.77.0.50:3000")
	const ingresses = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
	r := e.kube("POST", ingresses, `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"theirs"},"spec":{"ingressClassName":"traefik",
		"rules":[{"host":"theirs.lab.test","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"theirs","port":{"number":80}}}}]}}]}}`)
	if r.status != http.StatusCreated {
		t.Fatalf("make an Ingress: %s", r)
	}
	e.trouble(2, 1, []string{"theirs.lab.test", "default/theirs"}, "add-service", "ours", "--host", "theirs.lab.test", "--to", "10.77.0.50:3000")
	if made := e.made("k3sedge.dev/service=ours"); len(made) > 0 || e.hasFile("ours") || e.hasFile("git2") {
		t.Errorf("written: %v", made)
	}
	if r := e.kube("DELETE", ingresses+"/theirs", ""); r.status != http.StatusOK {
		t.Errorf("delete the Ingress: %s", r)
	}
}

// removed: no object, no file, no answer is left.
func removed(t *testing.T, e *edge) {
	kept := e.made("k3sedge.dev/service=site")
	e.must(0, "remove-service", "git")
	if made := e.made(ofGit); len(made) > 0 || e.hasFile("git") {
		t.Errorf("left: %v, file %v", made, e.hasFile("git"))
	}
	if r := e.kube("GET", "/api/v1/namespaces/edge-git", ""); r.status != http.StatusNotFound {
		t.Errorf("the namespace is still there: %s", r)
	}
	for i := range e.cluster.Nodes {
		eventually(t, "there is no certificate", 10*time.Second, func() bool { return e.get(i, gitPage, "--insecure").status == 0 })
	}
	if now := e.made("k3sedge.dev/service=site"); !slices.Equal(now, kept) || len(now) == 0 {
		t.Errorf("another service was touched:\nbefore %v\nafter %v", kept, now)
	}
	if list := e.must(0, "services").stdout; strings.Contains(list, "git") || !strings.Contains(list, "site.lab.test") {
		t.Errorf("the list:\n%s", list)
	}
	e.trouble(2, 1, []string{"no service git", "k3sedge services"}, "remove-service", "git")
	e.must(0, "up", "--plan")
}
