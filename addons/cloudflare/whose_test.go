package cloudflare

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

func TestWhoseTheTunnelIs(t *testing.T) {
	t.Parallel()
	blog := ingress.Rule{Hostname: "blog.lab.test", Service: "http://10.0.0.9:80"}
	ours := ingress.Rule{Hostname: "old.lab.test", Service: "http://127.0.0.1:8444", OriginRequest: map[string]any{"originServerName": ruleMark(clusterID, "old")}}
	held := errors.New("the cluster is away")
	for name, tc := range map[string]struct {
		source    string
		rules     []ingress.Rule
		connected bool
		set       func(c *Config, w *world, t *testing.T, id string)
		want      error
	}{
		"new and empty":           {"cloudflare", nil, false, nil, nil},
		"in use":                  {"cloudflare", nil, true, nil, errStranger},
		"with rules":              {"cloudflare", []ingress.Rule{blog}, false, nil, errStranger},
		"with our rule":           {"cloudflare", []ingress.Rule{blog, ours}, true, nil, nil},
		"adopted":                 {"cloudflare", []ingress.Rule{blog}, true, func(c *Config, _ *world, _ *testing.T, _ string) { c.Adopt = true }, nil},
		"with its rules on a box": {"local", nil, false, nil, errLocal},
		"whose token we hold": {"cloudflare", []ingress.Rule{blog}, true, func(c *Config, _ *world, _ *testing.T, id string) {
			c.Held = func(context.Context) (string, error) { return id, nil }
		}, nil},
		"another one's token": {"cloudflare", []ingress.Rule{blog}, true, func(c *Config, _ *world, _ *testing.T, _ string) {
			c.Held = func(context.Context) (string, error) { return anotherID, nil }
		}, errStranger},
		"and the cluster is away": {"cloudflare", []ingress.Rule{blog}, true, func(c *Config, _ *world, _ *testing.T, _ string) {
			c.Held = func(context.Context) (string, error) { return "", held }
		}, held},
		"with our record": {"cloudflare", nil, true, func(_ *Config, w *world, t *testing.T, id string) {
			w.addRecord(t, fakecloudflare.Record{Name: "git.lab.test", Type: "CNAME", Content: target(id), Proxied: true, Comment: recordMark(clusterID, "git")})
		}, nil},
	} {
		w := newWorld(t, fakecloudflare.Options{})
		id := w.made(t, tc.source, tc.rules...)
		if tc.connected {
			if _, err := w.PretendConnector(id); err != nil {
				t.Fatal(err)
			}
		}
		c := config(public("git"))
		if tc.set != nil {
			tc.set(&c, w, t, id)
		}
		_, text, err := w.run(t, c)
		if !errors.Is(err, tc.want) || err != nil && tc.want == nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if err != nil && (len(w.writes()) > 0 || !errors.Is(err, held) && !strings.Contains(hintOf(err), "edge.tunnel.name")) {
			t.Errorf("%s: wrote %v, hint %q", name, w.writes(), hintOf(err))
		}
		if err == nil && w.tunnelID(t) != id {
			t.Errorf("%s: another tunnel was made", name)
		}
	}
}

// A service alone is added without the stage that judges the tunnel.
func TestNoRuleIsWrittenIntoAnotherOnesTunnel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.made(t, "cloudflare", ingress.Rule{Hostname: "blog.lab.test", Service: "http://10.0.0.9:80"})
	run := Bind(config(public("git")), w.client(t))
	if _, err := converge.Run(t.Context(), nil, &eventlog.Log{}, slices.Concat(run.Withdraw(), run.Publish())...); !errors.Is(err, errStranger) || len(w.writes()) > 0 {
		t.Errorf("%v, wrote %v", err, w.writes())
	}
	if _, err := run.Differences(t.Context()); !errors.Is(err, errStranger) {
		t.Errorf("%v", err)
	}
}

// An export takes the connector without the stage that judges the tunnel.
func TestAnotherOnesTunnelIsNotServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	if k, err := Observe(config(public("git")), w.client(t)).Connector(t.Context()); err != nil || k.Tunnel != "" {
		t.Errorf("without a tunnel: %+v, %v", k, err)
	}
	id := w.made(t, "cloudflare", ingress.Rule{Hostname: "blog.lab.test", Service: "http://10.0.0.9:80"})
	if k, err := Observe(config(public("git")), w.client(t)).Connector(t.Context()); !errors.Is(err, errStranger) || k.Token.Reveal() != "" || !strings.Contains(hintOf(err), "up or add-service") {
		t.Errorf("%+v, %v", k, err)
	}
	w.addRecord(t, fakecloudflare.Record{Name: "git.lab.test", Type: "CNAME", Content: target(id), Proxied: true, Comment: recordMark(clusterID, "git")})
	if k, err := Observe(config(public("git")), w.client(t)).Connector(t.Context()); err != nil || k.Tunnel != id {
		t.Errorf("ours: %+v, %v", k, err)
	}
}

func TestWithoutAFolderNothingIsTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.mustRun(t, config(public("git")))
	bare := config()
	bare.NoFolder = true
	if _, _, err := w.run(t, bare); !errors.Is(err, errNoFolder) || w.state(t) != gitPublic {
		t.Errorf("%v\n%s", err, w.state(t))
	}
	w.mustRun(t, config())
	w.mustRun(t, bare)
}

func TestAnotherClustersThingsStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.addRecord(t, fakecloudflare.Record{Name: "git.lab.test", Type: "A", Content: "10.9.9.9", Comment: recordMark(anotherID, "git")})
	w.addRecord(t, fakecloudflare.Record{Name: "old.lab.test", Type: "A", Content: "10.9.9.9", Comment: recordMark(anotherID, "old")})
	before := w.state(t)
	w.mustRun(t, config())
	if got := w.state(t); got != before {
		t.Errorf("%s", got)
	}
	if _, _, err := w.run(t, config(lan("git"))); err == nil {
		t.Error("took the host of another cluster")
	}
}

func TestManyRecordsAreReadInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	const many = 2*perPage + 1
	for i := range many {
		w.addRecord(t, fakecloudflare.Record{Name: "old-" + strconv.Itoa(i) + ".lab.test", Type: "A", Content: "10.0.0.11", Comment: recordMark(clusterID, "old")})
	}
	l := &eventlog.Log{}
	run := Observe(config(), w.client(t))
	if _, err := converge.Run(t.Context(), nil, l, run.Withdraw()...); err != nil || strings.Count(l.String(), "A 10.0.0.11 (DNS only) absent") != many {
		t.Errorf("%v, %d records", err, strings.Count(l.String(), "A 10.0.0.11 (DNS only) absent"))
	}
}

func local() Config {
	c := config(public("git"))
	ref := inventory.SecretRef("env:CREDENTIALS")
	c.Cluster.Edge.Tunnel = &inventory.Tunnel{Name: "k3sedge-home", Management: inventory.TunnelLocal, Credentials: &ref}
	c.Secrets = func(context.Context, inventory.SecretRef) (inventory.Secret, error) {
		return inventory.NewSecret(`{"AccountTag":"a","TunnelSecret":"s3cret-7f3a","TunnelID":"` + tunnelUUID + `"}`), nil
	}
	return c
}

// With local management the token need not even be allowed to see tunnels.
func TestLocalManagement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.token = "lab-token-with-few-rights-00000000000000b"
	if err := w.SetToken(fakecloudflare.Token{Value: w.token, Grants: fakecloudflare.Grants(testZone, fakecloudflare.ZoneRead, fakecloudflare.DNSEdit)}); err != nil {
		t.Fatal(err)
	}
	w.mustRun(t, local())
	if got := w.state(t); got != "git.lab.test CNAME "+target(tunnelUUID)+" true git" {
		t.Errorf("%s", got)
	}
	k, err := Observe(local(), w.client(t)).Connector(t.Context())
	if err != nil || k.Tunnel != tunnelUUID || !strings.Contains(k.Credentials.Reveal(), "s3cret") {
		t.Errorf("%+v, %v", k, err)
	}
	for text, want := range map[string]error{`{`: errCredentials, `{"AccountTag":"a","TunnelSecret":"s3cret","TunnelID":"x"}`: errCredentials} {
		c := local()
		c.Secrets = func(context.Context, inventory.SecretRef) (inventory.Secret, error) {
			return inventory.NewSecret(text), nil
		}
		if _, _, err := w.run(t, c); !errors.Is(err, want) || !strings.Contains(hintOf(err), "cloudflared tunnel create") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	c := local()
	c.Secrets = nil
	if _, _, err := w.run(t, c); !errors.Is(err, errCredentials) {
		t.Errorf("%v", err)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.addRecord(t, fakecloudflare.Record{Name: "mail.lab.test", Type: "A", Content: "192.0.2.1"})
	c := config(public("git"), lan("nas"))
	w.mustRun(t, c)
	id := w.tunnelID(t)
	if _, err := w.PretendConnector(id); err != nil {
		t.Fatal(err)
	}
	if err := Bind(c, w.client(t)).Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := slices.ContainsFunc(w.Tunnels(), func(t fakecloudflare.Tunnel) bool { return t.Deleted == nil })
	if got := w.state(t); got != "mail.lab.test A 192.0.2.1 false" || left {
		t.Errorf("left:\n%s", got)
	}
	stranger := w.made(t, "cloudflare", ingress.Rule{Hostname: "blog.lab.test", Service: "http://10.0.0.9:80"})
	if err := Bind(c, w.client(t)).Forget(t.Context()); err != nil || w.tunnelID(t) != stranger {
		t.Errorf("%v", err)
	}
	if err := Observe(c, w.client(t)).Forget(t.Context()); err != nil {
		t.Error(err)
	}
}

// An empty tunnel by that name may be used, but it may be another cluster's as
// well: it is deleted only for a sign that it is ours.
func TestATunnelIsDeletedOnlyForASign(t *testing.T) {
	t.Parallel()
	away := errors.New("the cluster is away")
	for name, tc := range map[string]struct {
		held string
		err  error
		gone bool
		told string
	}{
		"no sign at all":         {"", nil, false, "nothing shows that it is this cluster's"},
		"another one's token":    {anotherID, nil, false, "nothing shows that it is this cluster's"},
		"the cluster is away":    {"", away, false, away.Error()},
		"the cluster holds it":   {"TUNNEL", nil, true, ""},
		"a record of ours to it": {"RECORD", nil, true, ""},
	} {
		w := newWorld(t, fakecloudflare.Options{})
		id := w.made(t, "cloudflare")
		c, told := config(), ""
		c.Warn = func(text, hint string) { told += text + hint }
		c.Held = func(context.Context) (string, error) { return strings.ReplaceAll(tc.held, "TUNNEL", id), tc.err }
		if tc.held == "RECORD" {
			w.addRecord(t, fakecloudflare.Record{Name: "git.lab.test", Type: "CNAME", Content: target(id), Proxied: true, Comment: recordMark(clusterID, "git")})
		}
		err := Bind(c, w.client(t)).Forget(t.Context())
		gone := !slices.ContainsFunc(w.Tunnels(), func(t fakecloudflare.Tunnel) bool { return t.Deleted == nil })
		if err != nil || gone != tc.gone || !strings.Contains(told, tc.told) || (told == "") != gone || !gone && !strings.Contains(told, "dash.cloudflare.com") || len(w.Records("")) > 0 {
			t.Errorf("%s: %v, gone %v, told %q", name, err, gone, told)
		}
	}
}

// Connectors come back between the cut of their connections and the end of
// their tunnel: it is waited for, and cut again, and not for ever.
func TestConnectorsThatComeBack(t *testing.T) {
	t.Parallel()
	for times, gone := range map[int]bool{tries - 1: true, 0: false} {
		w := newWorld(t, fakecloudflare.Options{})
		c := config(public("git"))
		w.mustRun(t, c)
		w.fault(t, fakecloudflare.Fault{Kind: fakecloudflare.Refused, Code: codeConnected, Message: "active connections", Method: "DELETE", Path: "/cfd_tunnel/[^/]+$", Count: times})
		w.ForgetCalls()
		run, pauses, told := Bind(c, w.client(t)), 0, ""
		run.view.pause = func(context.Context, time.Duration) bool { pauses++; return true }
		err := run.Forget(converge.WithWaiting(t.Context(), func(what, _ string) { told = what }))
		cuts := strings.Count(strings.Join(w.writes(), "\n"), "/connections")
		if (err == nil) != gone || pauses != tries-1 || cuts != tries || !strings.Contains(told, "connectors") {
			t.Errorf("%d times: %v, %d pauses, told %q, %v", times, err, pauses, told, w.writes())
		}
	}
}

// A tunnel that serves others too stays, without our rules, and the user is told.
func TestForgetLeavesWhatOthersUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	c, told := config(public("git")), ""
	c.Warn = func(text, _ string) { told += text }
	w.mustRun(t, c)
	id := w.tunnelID(t)
	rules, _, err := w.Configuration(id)
	if err != nil {
		t.Fatal(err)
	}
	rules.Ingress = append([]ingress.Rule{{Hostname: "blog.lab.test", Service: "http://10.0.0.9:80"}}, rules.Ingress...)
	if err := w.Configure(id, *rules); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Bind(c, w.client(t)).Forget(t.Context()); err != nil || w.tunnelID(t) != id || !strings.Contains(told, "somebody else's") {
			t.Errorf("%v, told %q", err, told)
		}
		if got := w.state(t); got != "blog.lab.test http://10.0.0.9:80\nhttp_status:404" {
			t.Errorf("left:\n%s", got)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add(`{"AccountTag":"a","TunnelSecret":"s","TunnelID":"` + tunnelUUID + `"}`)
	f.Add(`{`)
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := parseCredentials(inventory.NewSecret(text)); err == nil && !tunnelIDForm.MatchString(id) {
			t.Errorf("%q", id)
		}
	})
}
