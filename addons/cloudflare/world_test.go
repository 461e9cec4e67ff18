package cloudflare

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

// world is an account at a stand-in for Cloudflare.
type world struct {
	*fakecloudflare.Running
	token string
}

func newWorld(t *testing.T, o fakecloudflare.Options) *world {
	t.Helper()
	return &world{fakecloudflare.Start(t, o), fakecloudflare.TestToken}
}

// toward sends what is for Cloudflare to the stand-in.
type toward struct {
	host string
	next http.RoundTripper
}

func (t toward) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = t.host
	return t.next.RoundTrip(r)
}

func (w *world) client(t *testing.T) *Client {
	t.Helper()
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	return New(Settings{
		Token:     func(context.Context) (inventory.Secret, error) { return inventory.NewSecret(w.token), nil },
		Transport: toward{u.Host, w.Client().Transport},
		pause:     func(context.Context, time.Duration) bool { return true },
	})
}

func stages(r *Run) []converge.Stage { return slices.Concat(r.Tunnel(), r.Withdraw(), r.Publish()) }

// run does all that a run does at Cloudflare.
func (w *world) run(t *testing.T, c Config) (converge.Result, string, error) {
	t.Helper()
	l := &eventlog.Log{}
	result, err := converge.Run(t.Context(), nil, l, stages(Bind(c, w.client(t)))...)
	if strings.Contains(l.String(), w.token) || err != nil && strings.Contains(err.Error(), w.token) {
		t.Error("the token has been told")
	}
	return result, l.String(), err
}

func (w *world) mustRun(t *testing.T, c Config) converge.Result {
	t.Helper()
	result, text, err := w.run(t, c)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return result
}

func config(services ...inventory.Service) Config {
	return Config{Cluster: testCluster(inventory.EdgeTunnel), Services: services}
}

// tunnelID is that of the tunnel that is not deleted.
func (w *world) tunnelID(t *testing.T) string {
	t.Helper()
	for _, tunnel := range w.Tunnels() {
		if tunnel.Deleted == nil {
			return tunnel.ID
		}
	}
	t.Fatal("there is no tunnel")
	return ""
}

// state is the records and the rules, as people read them; the tunnel's ID is
// written as TUNNEL.
func (w *world) state(t *testing.T) string {
	t.Helper()
	var out []string
	for _, r := range w.Records("") {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %t %s", r.Name, r.Type, r.Content, r.Proxied, strings.TrimPrefix(r.Comment, "k3sedge:"+clusterID+"/"))))
	}
	slices.Sort(out)
	id := ""
	if slices.ContainsFunc(w.Tunnels(), func(t fakecloudflare.Tunnel) bool { return t.Deleted == nil }) {
		id = w.tunnelID(t)
		out = append(out, w.rules(t, id)...)
	}
	text := strings.Join(out, "\n")
	if id == "" {
		return text
	}
	return strings.ReplaceAll(text, id, "TUNNEL")
}

func (w *world) rules(t *testing.T, id string) []string {
	t.Helper()
	c, _, err := w.Configuration(id)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	if c != nil {
		for _, r := range c.Ingress {
			out = append(out, strings.TrimSpace(r.Hostname+" "+r.Service))
		}
	}
	return out
}

// made makes a tunnel by hand that does something already.
func (w *world) made(t *testing.T, source string, rules ...ingress.Rule) string {
	t.Helper()
	tunnel, _, err := w.AddTunnel(fakecloudflare.TestAccount, "k3sedge-home", source)
	if err == nil && len(rules) > 0 {
		err = w.Configure(tunnel.ID, ingress.Config{Ingress: append(rules, ingress.Rule{Service: catchAll})})
	}
	if err != nil {
		t.Fatal(err)
	}
	return tunnel.ID
}

func (w *world) fault(t *testing.T, f fakecloudflare.Fault) {
	t.Helper()
	if err := w.Fault(f); err != nil {
		t.Fatal(err)
	}
}

func (w *world) addRecord(t *testing.T, r fakecloudflare.Record) {
	t.Helper()
	if _, err := w.AddRecord(r); err != nil {
		t.Fatal(err)
	}
}

// writes are the requests that were to change something.
func (w *world) writes() []string {
	var out []string
	for _, c := range w.Calls() {
		if c.Writes() {
			out = append(out, c.String())
		}
	}
	return out
}
