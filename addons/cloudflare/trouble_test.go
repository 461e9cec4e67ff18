package cloudflare

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

// hintOf is the last word to the user.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Whatever goes wrong once, at whichever request, the run ends as without it,
// and nothing is there twice.
func TestTroubleAtEachRequest(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]struct{ from, to Config }{
		"from nothing":        {config(), config(public("git"), lan("nas"))},
		"to the LAN and back": {config(public("git"), lan("nas")), config(lan("git"), public("nas"))},
		"all gone":            {config(public("git"), lan("nas")), config()},
	} {
		begin := func() *world {
			w := newWorld(t, fakecloudflare.Options{})
			if len(move.from.Services) > 0 {
				w.mustRun(t, move.from)
			}
			w.ForgetCalls()
			return w
		}
		quiet := begin()
		quiet.mustRun(t, move.to)
		want, requests := quiet.state(t), len(quiet.Calls())
		for _, f := range []fakecloudflare.Fault{
			{Kind: fakecloudflare.TooMany, RetryAfter: 1}, {Kind: fakecloudflare.Broken}, {Kind: fakecloudflare.Half},
			{Kind: fakecloudflare.Reset}, {Kind: fakecloudflare.ResetAfter},
		} {
			for after := range requests {
				w := begin()
				f.After, f.Count = after, 1
				w.fault(t, f)
				if result, text, err := w.run(t, move.to); err != nil || result.Failed > 0 {
					t.Errorf("%s, %s at request %d: %v\n%s", name, f.Kind, after, err, text)
				}
				if got := w.state(t); got != want {
					t.Errorf("%s, %s at request %d:\n%s\nwant\n%s", name, f.Kind, after, got, want)
				}
			}
		}
	}
}

func TestTroubleThatStaysIsTold(t *testing.T) {
	t.Parallel()
	for kind, hint := range map[fakecloudflare.Kind]string{
		fakecloudflare.TooMany: "wait five minutes", fakecloudflare.Broken: "cloudflarestatus.com says more", fakecloudflare.Reset: "the same command goes on from there",
	} {
		for _, path := range []string{"/zones", "/configurations", "/dns_records"} {
			w := newWorld(t, fakecloudflare.Options{})
			w.fault(t, fakecloudflare.Fault{Kind: kind, Path: path})
			_, _, err := w.run(t, config(public("git")))
			if err == nil || !strings.Contains(hintOf(err), hint) {
				t.Errorf("%s at %s: %v, hint %q", kind, path, err, hintOf(err))
			}
			w.ClearFaults()
			w.mustRun(t, config(public("git")))
			if got := w.state(t); got != gitPublic {
				t.Errorf("%s at %s, then without:\n%s", kind, path, got)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	grants := fakecloudflare.Grants
	account := fakecloudflare.TestAccount
	const lacks = "the token lacks "
	for name, tc := range map[string]struct {
		status string
		grants []fakecloudflare.Grant
		want   []string
		hint   string
	}{
		"nothing on the zone":  {"", append(grants("example.org", fakecloudflare.ZoneRead, fakecloudflare.DNSEdit), grants(account, fakecloudflare.TunnelEdit)...), []string{"look for zone lab.test: the token does not see the zone"}, "add Zone Zone:Read on lab.test"},
		"no DNS at all":        {"", append(grants(testZone, fakecloudflare.ZoneRead), grants(account, fakecloudflare.TunnelEdit)...), []string{lacks + "Zone DNS:Edit on lab.test"}, "add Zone DNS:Edit on lab.test"},
		"neither DNS nor more": {"", grants(testZone, fakecloudflare.ZoneRead), []string{lacks + "Zone DNS:Edit on lab.test", lacks + "Account Cloudflare Tunnel:Edit"}, "add Zone DNS:Edit"},
		"no zone at all":       {"", grants(account, fakecloudflare.TunnelEdit), []string{lacks + "Zone Zone:Read on lab.test"}, "add Zone Zone:Read on lab.test"},
		"DNS for reading":      {"", append(grants(testZone, fakecloudflare.ZoneRead, fakecloudflare.DNSRead), grants(account, fakecloudflare.TunnelEdit)...), []string{lacks + "Zone DNS:Edit on lab.test"}, "add Zone DNS:Edit on lab.test"},
		"tunnels for reading":  {"", append(grants(testZone, fakecloudflare.ZoneRead, fakecloudflare.DNSEdit), grants(account, fakecloudflare.TunnelRead)...), []string{lacks + "Account Cloudflare Tunnel:Edit"}, "add Account Cloudflare Tunnel:Edit"},
		"expired":              {"expired", fakecloudflare.All("*"), []string{"the Cloudflare token has expired"}, "make a token at"},
		"disabled":             {"disabled", fakecloudflare.All("*"), []string{"the Cloudflare token is disabled"}, "make a token at"},
	} {
		w := newWorld(t, fakecloudflare.Options{Zones: []fakecloudflare.Zone{{Name: testZone}, {Name: "example.org"}}})
		w.token = "lab-token-with-few-rights-00000000000000b"
		if err := w.SetToken(fakecloudflare.Token{Value: w.token, Status: tc.status, Grants: tc.grants}); err != nil {
			t.Fatal(err)
		}
		_, text, err := w.run(t, config(public("git")))
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q\n%s", name, err, want, text)
			}
		}
		if !strings.Contains(hintOf(err), tc.hint) {
			t.Errorf("%s: hint %q", name, hintOf(err))
		}
	}
	for token, want := range map[string]string{"unknown-token-unknown-token-unknown-token": "is not known to Cloudflare", "with a space": "is not of a token's form"} {
		w := newWorld(t, fakecloudflare.Options{})
		w.token = token
		if _, _, err := w.run(t, config()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestAZoneThatIsNotActive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{Zones: []fakecloudflare.Zone{{Name: testZone, Status: "pending"}}})
	_, _, err := w.run(t, config(lan("nas")))
	if !errors.Is(err, errInactive) || !strings.Contains(hintOf(err), "ada.ns.cloudflare.com and bob.ns.cloudflare.com") {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
}

func TestAForeignRecord(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]inventory.Service{"public": public("git"), "lan": lan("git")} {
		w := newWorld(t, fakecloudflare.Options{})
		w.addRecord(t, fakecloudflare.Record{Name: "git.lab.test", Type: "CNAME", Content: "elsewhere.example.net", Comment: "of mine"})
		before := w.state(t)
		result, text, err := w.run(t, config(service))
		var f *ForeignError
		if !errors.As(err, &f) || f.Have != "CNAME elsewhere.example.net (DNS only)" || !strings.Contains(hintOf(err), "--adopt") || result.Failed != 1 {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if got := w.state(t); !strings.HasPrefix(got, before) {
			t.Errorf("%s: touched:\n%s", name, got)
		}
		c := config(service)
		c.Adopt = true
		w.mustRun(t, c)
		if want := map[string]string{"public": gitPublic, "lan": strings.TrimSuffix(gitLAN, "\nhttp_status:404")}[name]; w.state(t) != want {
			t.Errorf("%s, adopted:\n%s", name, w.state(t))
		}
		w.mustRun(t, config(service)) // from now on it is ours
	}
}

// What is somebody else's keeps nothing from being published but its own host,
// and all of it is told at once.
func TestOnlyTheHostsInConflictWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.addRecord(t, fakecloudflare.Record{Name: "blog.lab.test", Type: "A", Content: "192.0.2.1"})
	w.addRecord(t, fakecloudflare.Record{Name: "wiki.lab.test", Type: "A", Content: "192.0.2.2"})
	id := w.made(t, "cloudflare", ingress.Rule{Hostname: "chat.lab.test", Service: "http://10.0.0.9:80"})
	c := config(lan("blog"), public("chat"), public("git"), lan("nas"), public("wiki"))
	c.Held = func(context.Context) (string, error) { return id, nil }
	for range 2 {
		result, text, err := w.run(t, c)
		if err == nil || result.Failed != 1 {
			t.Fatalf("%+v, %v\n%s", result, err, text)
		}
		for _, want := range []string{"record for blog.lab.test", "rule for chat.lab.test", "record for wiki.lab.test"} {
			if strings.Count(err.Error(), want) != 1 {
				t.Errorf("%q is not told once: %v", want, err)
			}
		}
		want := strings.Join([]string{
			"blog.lab.test A 192.0.2.1 false", "git.lab.test CNAME TUNNEL.cfargotunnel.com true git", "nas.lab.test A 10.0.0.11 false nas",
			"nas.lab.test A 10.0.0.12 false nas", "wiki.lab.test A 192.0.2.2 false",
			"chat.lab.test http://10.0.0.9:80", "git.lab.test http://127.0.0.1:8444", "wiki.lab.test http://127.0.0.1:8444", "http_status:404",
		}, "\n")
		if got := w.state(t); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	w.ForgetCalls()
	l := &eventlog.Log{}
	c.Services = append(c.Services, lan("new"), public("old"))
	result, err := converge.Run(t.Context(), nil, l, Observe(c, w.client(t)).Publish()...)
	if err != nil || result.Differs != 2 || result.Pending != 1 || len(w.writes()) > 0 || !strings.Contains(l.String(), "record new.lab.test") {
		t.Errorf("a plan: %+v, %v\n%s", result, err, l)
	}
}

// A host at which nobody could look for somebody else's gets no record, though
// the run goes on for others because of what is in the way at a third.
func TestNoRecordWhereNobodyCouldLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.addRecord(t, fakecloudflare.Record{Name: "blog.lab.test", Type: "A", Content: "192.0.2.1"})
	id := w.made(t, "cloudflare", ingress.Rule{Hostname: "chat.lab.test", Service: "http://10.0.0.9:80"})
	c := config(lan("blog"), public("chat"))
	c.Held = func(context.Context) (string, error) { return id, nil }
	w.fault(t, fakecloudflare.Fault{Kind: fakecloudflare.Refused, Code: 1004, Method: "GET", Path: "/dns_records", After: 1})
	_, _, err := w.run(t, c)
	if err == nil || !strings.Contains(err.Error(), "rule for chat.lab.test") || !strings.Contains(err.Error(), "1004") {
		t.Errorf("%v", err)
	}
	if got, want := w.state(t), "blog.lab.test A 192.0.2.1 false\nchat.lab.test http://10.0.0.9:80\nhttp_status:404"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Somebody makes the record between the look and the write.
func TestARecordThatComesInBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.fault(t, fakecloudflare.Fault{Kind: fakecloudflare.ForeignRecord, Method: "POST", Path: "/dns_records$", Count: 1})
	_, _, err := w.run(t, config(public("git")))
	var f *ForeignError
	if !errors.As(err, &f) || f.Have != "A 192.0.2.66 (DNS only)" {
		t.Errorf("%v", err)
	}
}

func TestAForeignRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.mustRun(t, config())
	id := w.tunnelID(t)
	if err := w.Configure(id, ingress.Config{Ingress: []ingress.Rule{{Hostname: "git.lab.test", Service: "http://10.0.0.9:80"}, {Service: catchAll}}}); err != nil {
		t.Fatal(err)
	}
	c := config(public("git"))
	c.Held = func(context.Context) (string, error) { return id, nil }
	_, _, err := w.run(t, c)
	var f *ForeignError
	if !errors.As(err, &f) || f.Have != "git.lab.test to http://10.0.0.9:80" || f.Want != "git.lab.test to http://127.0.0.1:8444" {
		t.Errorf("%v", err)
	}
	if got := w.state(t); got != "git.lab.test http://10.0.0.9:80\nhttp_status:404" {
		t.Errorf("touched:\n%s", got)
	}
	c.Adopt = true
	w.mustRun(t, c)
	if got := w.state(t); got != gitPublic {
		t.Errorf("adopted:\n%s", got)
	}
}

func TestRulesThatMoveUnderneath(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fakecloudflare.Fault{
		"between look and write": {Method: "GET", Count: 1}, "just after the write": {Method: "PUT", Count: 1},
	} {
		w := newWorld(t, fakecloudflare.Options{})
		w.mustRun(t, config())
		f.Kind, f.Path, f.Host = fakecloudflare.ConfigMoves, "/configurations$", "foreign.lab.test"
		w.fault(t, f)
		if result, text, err := w.run(t, config(public("git"))); err != nil || result.Changed != 2 {
			t.Errorf("%s: %+v, %v\n%s", name, result, err, text)
		}
		if got := w.state(t); !strings.Contains(got, "foreign.lab.test") || !strings.Contains(got, "git.lab.test http://127.0.0.1:8444") {
			t.Errorf("%s: lost:\n%s", name, got)
		}
	}
	w := newWorld(t, fakecloudflare.Options{})
	w.mustRun(t, config())
	w.fault(t, fakecloudflare.Fault{Kind: fakecloudflare.ConfigMoves, Path: "/configurations$", Method: "GET", After: 1, Count: 1})
	var warned []string
	c := config(public("git"))
	c.Warn = func(text, _ string) { warned = append(warned, text) }
	w.mustRun(t, c)
	if len(warned) != 1 || !strings.Contains(warned[0], "at the same moment") {
		t.Errorf("nobody is told that rules were written over: %q", warned)
	}
}

func TestATunnelThatGoesInBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fakecloudflare.Options{})
	w.mustRun(t, config())
	w.fault(t, fakecloudflare.Fault{Kind: fakecloudflare.TunnelGone, Method: "PUT", Path: "/configurations$", Count: 1})
	_, _, err := w.run(t, config(public("git")))
	if !errors.Is(err, errNoTunnel) || hintOf(err) != "k3sedge up makes it" {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
	w.mustRun(t, config(public("git")))
	if got := w.state(t); got != gitPublic {
		t.Errorf("%s", got)
	}
}
