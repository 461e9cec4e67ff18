package cloudflare

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

const (
	gitPublic = "git.lab.test CNAME TUNNEL.cfargotunnel.com true git\ngit.lab.test http://127.0.0.1:8444\nhttp_status:404"
	gitLAN    = "git.lab.test A 10.0.0.11 false git\ngit.lab.test A 10.0.0.12 false git\nhttp_status:404"
)

func TestASecondRunOnlyReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{Zones: []fakecloudflare.Zone{{Name: testZone}, {Name: "example.org"}}})
	wiki := lan("wiki")
	wiki.Host = "wiki.example.org"
	c := config(public("git"), lan("nas"), wiki)
	c.Cluster.Edge.Cloudflare.Zones = []string{testZone, "example.org"}
	if got := w.mustRun(t, c); got != (converge.Result{Holds: 3, Changed: 3}) {
		t.Errorf("first run: %+v", got)
	}
	want := strings.Join([]string{
		"git.lab.test CNAME TUNNEL.cfargotunnel.com true git", "nas.lab.test A 10.0.0.11 false nas", "nas.lab.test A 10.0.0.12 false nas",
		"wiki.example.org A 10.0.0.11 false wiki", "wiki.example.org A 10.0.0.12 false wiki", "git.lab.test http://127.0.0.1:8444", "http_status:404",
	}, "\n")
	if got := w.state(t); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	w.ForgetCalls()
	if got := w.mustRun(t, c); got != (converge.Result{Holds: 6}) {
		t.Errorf("second run: %+v", got)
	}
	// Two a zone, and the tunnel, its rules and its token.
	if calls := w.Calls(); len(calls) != 2*2+3 || len(w.writes()) > 0 {
		t.Errorf("the second run took %d requests: %v", len(calls), calls)
	}
}

func TestAPlanWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	l := &eventlog.Log{}
	got, err := converge.Run(t.Context(), nil, l, stages(Observe(config(public("git"), lan("nas")), w.client(t)))...)
	if err != nil || got.Differs != 3 || got.Unknown+got.Pending > 0 || len(w.writes()) > 0 {
		t.Errorf("%+v, %v\n%s", got, err, l)
	}
	for _, want := range []string{"tunnel k3sedge-home absent", "rule git.lab.test absent", "CNAME the tunnel that is still to be made (proxied)", "A 10.0.0.12 (DNS only)"} {
		if !strings.Contains(l.String(), want) {
			t.Errorf("%q is not told:\n%s", want, l)
		}
	}
}

func TestPublicToLANAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.addRecord(t, fakecloudflare.Record{Name: "mail.lab.test", Type: "A", Content: "192.0.2.1"})
	others := "mail.lab.test A 192.0.2.1 false\n"
	for i, step := range []struct {
		service inventory.Service
		want    string
	}{
		{public("git"), gitPublic}, {lan("git"), gitLAN}, {public("git"), gitPublic}, {lan("git"), gitLAN},
	} {
		for _, only := range []string{"", "git"} {
			c := config(step.service)
			c.Only = only
			w.mustRun(t, c)
			got := w.state(t)
			i0 := strings.Index(got, "mail.lab.test")
			if i0 < 0 || strings.Replace(got, others, "", 1) != step.want {
				t.Errorf("step %d:\n%s\nwant\n%s", i, got, step.want)
			}
		}
	}
	gone := config()
	gone.Only = "git"
	w.mustRun(t, gone)
	if got := w.state(t); got != others+"http_status:404" {
		t.Errorf("after the service is gone:\n%s", got)
	}
}

// What goes is taken out of the DNS before its rule goes, and what comes gets
// its rule before its record.
func TestTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	kinds := func() string {
		var out []string
		for _, call := range w.writes() {
			kind := "rules"
			if strings.Contains(call, "dns_records") {
				kind = "records"
			} else if strings.HasSuffix(call, "cfd_tunnel") {
				kind = "tunnel"
			}
			out = append(out, kind)
		}
		w.ForgetCalls()
		return strings.Join(slices.Compact(out), " ")
	}
	w.mustRun(t, config(public("git")))
	if got := kinds(); got != "tunnel rules records" {
		t.Errorf("at first: %s", got)
	}
	w.mustRun(t, config(lan("git")))
	if got := kinds(); got != "records rules" {
		t.Errorf("to the LAN: %s", got)
	}
	w.mustRun(t, config(public("git")))
	if got := kinds(); got != "rules records" {
		t.Errorf("to the internet: %s", got)
	}
	w.mustRun(t, config())
	if got := kinds(); got != "records rules" {
		t.Errorf("gone: %s", got)
	}
}

func TestOnlyOneServiceIsTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.mustRun(t, config(public("git"), lan("nas")))
	before := w.state(t)
	c := config(public("wiki"), public("nas")) // git has left, nas is to be public
	c.Only = "wiki"
	w.mustRun(t, c)
	got := strings.NewReplacer("wiki.lab.test CNAME TUNNEL.cfargotunnel.com true wiki\n", "", "wiki.lab.test http://127.0.0.1:8444\n", "").Replace(w.state(t))
	if got != before {
		t.Errorf("%s\nwant\n%s", got, before)
	}
}

// The zone lab.test gets a zone of its own below it: what was made in the upper
// one goes there, and comes where it is looked for now.
func TestAZoneBelowAnother(t *testing.T) {
	t.Parallel()
	const below = "in.lab.test"
	for name, after := range map[string]struct {
		services []inventory.Service
		want     string
	}{
		"published": {[]inventory.Service{public("git.in"), lan("nas.in")}, "git.in.lab.test CNAME " + below + ", nas.in.lab.test A " + below + ", nas.in.lab.test A " + below},
		"withdrawn": {nil, ""},
	} {
		w := newWorld(t, fakecloudflare.Options{Zones: []fakecloudflare.Zone{{Name: testZone}, {Name: below}}})
		c := config(public("git.in"), lan("nas.in"))
		w.mustRun(t, c)
		c.Services = after.services
		c.Cluster.Edge.Cloudflare.Zones = []string{testZone, below}
		w.mustRun(t, c)
		var got []string
		for _, r := range w.Records("") {
			got = append(got, r.Name+" "+r.Type+" "+r.Zone)
		}
		slices.Sort(got)
		if strings.Join(got, ", ") != after.want {
			t.Errorf("%s: %v", name, got)
		}
		if again := w.mustRun(t, c); again.Changed > 0 {
			t.Errorf("%s: not settled: %+v", name, again)
		}
	}
}

func TestModePortForwardMakesNoTunnel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	c := config(public("git"), lan("nas"))
	c.Cluster = testCluster(inventory.EdgePortForward)
	w.mustRun(t, c)
	if got := w.state(t); got != "nas.lab.test A 10.0.0.11 false nas\nnas.lab.test A 10.0.0.12 false nas" {
		t.Errorf("%s", got)
	}
	if calls := w.Calls(); slices.ContainsFunc(calls, func(c fakecloudflare.Call) bool { return strings.Contains(c.Path, "cfd_tunnel") }) {
		t.Errorf("%v", calls)
	}
}

func TestATunnelDeletedByHandIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	c := config(public("git"))
	w.mustRun(t, c)
	old := w.tunnelID(t)
	if err := w.DeleteTunnel(old); err != nil {
		t.Fatal(err)
	}
	w.mustRun(t, c)
	if got := w.state(t); got != gitPublic || w.tunnelID(t) == old {
		t.Errorf("%s", got)
	}
	run := Bind(c, w.client(t))
	k, err := run.Connector(t.Context())
	if err != nil || k.Tunnel != w.tunnelID(t) || k.Token.Reveal() == "" {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestWhatOthersHaveWrittenStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	c := config(public("git"))
	w.mustRun(t, c)
	id := w.tunnelID(t)
	blog := ingress.Rule{Hostname: "blog.lab.test", Service: "http://10.0.0.9:80", OriginRequest: map[string]any{"noTLSVerify": true}}
	doc, _, err := w.Configuration(id)
	if err != nil {
		t.Fatal(err)
	}
	doc.Ingress = append([]ingress.Rule{blog}, doc.Ingress...)
	doc.WarpRouting, doc.OriginRequest = map[string]any{"enabled": true}, map[string]any{"connectTimeout": 10}
	if err := w.Configure(id, *doc); err != nil {
		t.Fatal(err)
	}
	w.mustRun(t, config(public("git"), public("wiki")))
	w.mustRun(t, config())
	got, _, err := w.Configuration(id)
	if err != nil || len(got.Ingress) != 2 || got.Ingress[0].OriginRequest["noTLSVerify"] != true || got.WarpRouting["enabled"] != true || got.OriginRequest["connectTimeout"] != 10.0 {
		t.Errorf("%+v, %v", got, err)
	}
}
