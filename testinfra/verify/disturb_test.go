package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/verify/probe"
)

// pages are answers of a prober to pages.
func pages(t *testing.T, shown ...probe.Shown) answer {
	t.Helper()
	text, err := json.Marshal(probe.Answer{Pages: shown})
	if err != nil {
		t.Fatal(err)
	}
	return answer{holds: "probe", stdout: string(text)}
}

func ready(traefik string) answer {
	return answer{holds: "status", stdout: fmt.Sprintf(
		`{"nodes":[{"name":"edge-1","k3s":"active","node":"ready","traefik":"ready"},{"name":"edge-2","k3s":"active","node":"ready","traefik":%q}]}`, traefik)}
}

func TestAServiceIsAskedForThroughEachNode(t *testing.T) {
	t.Parallel()
	shown := probe.Shown{Status: 200, Header: promisedHeaders()}
	r, f := newRun(t, ready("ready"), answer{holds: "add-service"}, answer{holds: "remove-service"}, pages(t, shown, shown))
	r.verdict(t, "service-end-to-end", LeftOut, "--backend")
	r.site.Backend = "10.77.0.50:3000"
	r.verdict(t, "service-end-to-end", Kept, "")
	r.verdict(t, "service-end-to-end", Kept, "")
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	count := func(text string) (n int) {
		for _, line := range f.asked {
			if strings.Contains(line, text) {
				n++
			}
		}
		return n
	}
	if count("add-service") != 1 || count("remove-service") != 1 {
		t.Errorf("added and taken away once? %q", f.asked)
	}
	for name, second := range map[string]probe.Shown{
		"https://k3sedge-verify.lab.test/ through edge-2: status 502":                    {Status: 502, Header: promisedHeaders()},
		`through edge-2: X-Content-Type-Options is "", want "nosniff"`:                   {Status: 200, Header: map[string]string{}},
		"https://k3sedge-verify.lab.test/ through edge-2: tls: unknown certificate name": {Error: "tls: unknown certificate name"},
	} {
		r, _ := newRun(t, ready("ready"), answer{holds: "add-service"}, pages(t, shown, second))
		r.site.Backend = "10.77.0.50:3000"
		r.verdict(t, "service-end-to-end", Broken, name)
	}
	r, _ = newRun(t, ready("not there"))
	r.verdict(t, "service-end-to-end", Broken, "edge-2: K3s is active, in the cluster ready, Traefik not there")
	r, _ = newRun(t, answer{holds: "status", stdout: `{"nodes":[]}`})
	r.verdict(t, "service-end-to-end", Unseen, "0 nodes")
	r, _ = newRun(t, answer{holds: "status", stderr: "error: no route", code: 4})
	r.verdict(t, "service-end-to-end", Unseen, "no route")
}

// Where no issuer is in the cluster, the secret comes while add-service waits for it.
func TestACertificateFromElsewhere(t *testing.T) {
	t.Parallel()
	shown := probe.Shown{Status: 200, Header: promisedHeaders()}
	broken := errors.New("no namespace")
	for name, c := range map[string]struct {
		code    int
		certify error
		want    Verdict
		reason  string
	}{
		"it comes":            {0, nil, Kept, ""},
		"it does not":         {0, broken, Unseen, "no namespace"},
		"nobody waits for it": {1, errors.New("signal: killed"), Broken, "add-service"},
	} {
		r, f := newRun(t, ready("ready"), answer{holds: "add-service", code: c.code}, pages(t, shown, shown))
		r.site.Backend = "10.77.0.50:3000"
		asked := ""
		r.site.Certify = func(ctx context.Context, namespace, secret, host string) (string, error) {
			asked = namespace + " " + secret + " " + host
			if c.code != 0 {
				<-ctx.Done()
			}
			return "roots", c.certify
		}
		r.verdict(t, "service-end-to-end", c.want, c.reason)
		if asked != "edge-k3sedge-verify k3sedge-verify-tls k3sedge-verify.lab.test" || r.site.Roots != "roots" {
			t.Errorf("%s: asked for %q, roots %q; %q", name, asked, r.site.Roots, f.asked)
		}
	}
}

func TestServicesThatAreThere(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	r.project.Services = []inventory.Service{{Name: "git", Host: "git.lab.test"}, {Name: "cd", Host: "cd.lab.test", Passthrough: true}}
	got, err := r.wantedPages(t.Context())
	if err != nil || len(got) != 4 || !got[0].page.AnyChain || got[0].page.Handshake || !got[1].page.Handshake {
		t.Errorf("%v, %+v", err, got)
	}
	if got[3].page.Node != netip.MustParseAddrPort("10.77.0.12:443") || got[3].page.Host != "cd.lab.test" {
		t.Errorf("%+v", got[3].page)
	}
	r.site.Roots = "a PEM"
	if got, _ := r.wantedPages(t.Context()); got[0].page.AnyChain || got[0].page.Roots != "a PEM" {
		t.Errorf("%+v", got[0].page)
	}
}

func TestDriftIsNamedExactly(t *testing.T) {
	t.Parallel()
	failing := map[string]hardening.Status{}
	for _, d := range drifts() {
		for _, id := range words(d.controls) {
			failing[id] = hardening.Fail
		}
	}
	one := maps.Clone(failing)
	delete(one, "FW-01")
	kernel := func(s hardening.Status) answer { return audited(t, 4, map[string]hardening.Status{"KRN-06": s}) }
	for what, c := range map[string]struct {
		found, after answer
		want         Verdict
		reason       string
		asked        int
	}{
		"found and mended": {audited(t, 3, failing), audited(t, 0, nil), Kept, "", 4},
		"one not found":    {audited(t, 3, one), audited(t, 0, nil), Broken, "names [", 4},
		"one not mended":   {audited(t, 3, failing), kernel(hardening.Fail), Broken, "after harden: edge-2: KRN-06", 5},
		"one not seen":     {audited(t, 3, failing), kernel(hardening.Unknown), Unseen, "after harden: could not look: edge-2: KRN-06", 4 + mostLooks},
	} {
		c.found.once = true
		r, f := newRun(t, answer{holds: "sudo -n sh -s"}, c.found, c.after, answer{holds: "harden"})
		r.site.Disruptive = true
		r.verdict(t, "drift-is-found-and-mended", c.want, c.reason)
		if last := f.asked[len(f.asked)-1]; len(f.asked) != c.asked || c.want != Kept && !strings.HasPrefix(last, "k3sedge harden --file") {
			t.Errorf("%s: the drift was left behind, or looked at too often: %q", what, f.asked)
		}
	}
}

// door are answers of a prober that finds port 22 as the list says, one look after another.
func door(t *testing.T, open ...bool) (out []answer) {
	t.Helper()
	for _, one := range open {
		s := probe.Seen{Asked: 1}
		if one {
			s.Open = []uint16{22}
		}
		text, err := json.Marshal(probe.Answer{Seen: []probe.Seen{s}})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, answer{holds: `"connect":true`, stdout: string(text), once: true})
	}
	return out
}

func TestALockOutIsSeenAndTakenBack(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t, append(door(t, false, true),
		answer{holds: "apply; sleep 600"}, answer{holds: "harden --check --only FW", stdout: "nothing of it"}, answer{holds: " true"})...)
	r.site.Disruptive = true
	r.verdict(t, "lock-out-is-rolled-back", Broken, "edge-2 does not tell that the change verify-lock-out-")
	if r.seen.machines.done {
		t.Error("what was read before is believed after a change")
	}
	text, err := transaction("an-id", 12e9)
	if err != nil || !strings.Contains(text, `"window":12`) || !strings.Contains(text, "policy drop") {
		t.Errorf("%v: %s", err, text)
	}
	n := r.cluster.Nodes[0]
	r, _ = newRun(t, answer{holds: "harden", stdout: `"the last change, an-id, was rolled back at noon"`})
	if err := r.rolledBack(t.Context(), n, "an-id"); err != nil {
		t.Error(err)
	}
}

func TestAWrongPinIsTried(t *testing.T) {
	t.Parallel()
	r, f := newRun(t, answer{holds: "harden --check --only SSH-01", stderr: "error: edge-1: host key is another", code: 4})
	for _, name := range []string{"k3sedge.yaml", "id_ed25519"} {
		if err := os.WriteFile(filepath.Join(r.site.Project, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var wrong findings
	if err := r.wrongPin(t.Context(), &wrong); err != nil || len(wrong) != 0 {
		t.Errorf("%v, %v", err, wrong)
	}
	file := f.asked[0][strings.LastIndex(f.asked[0], " ")+1:]
	if filepath.Dir(filepath.Dir(file)) != filepath.Dir(r.site.Project) || strings.HasPrefix(file, r.site.Project) {
		t.Errorf("not beside the project, where relative paths hold: %s", file)
	}
	if left, err := os.ReadDir(filepath.Dir(r.site.Project)); err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".k3sedge-verify-") }) {
		t.Errorf("left behind: %v, %v", left, err)
	}
	f.answers = []answer{{holds: "harden", code: 0}}
	if err := r.wrongPin(t.Context(), &wrong); err != nil || len(wrong) != 1 {
		t.Errorf("%v, %v", err, wrong)
	}
}

func TestOneServesWhileTheOtherIsOff(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t, append(door(t, false), answer{holds: "boot_id; sudo -n systemctl is-system-running", stdout: "another-boot\nrunning\n"}, answer{holds: "boot_id", stdout: "a-boot\n"}, answer{holds: "status"}, answer{holds: `"pages":[{"node":"10.77.0.11`, stdout: `{"pages":[{"status":200},{"status":200}]}`},
		answer{holds: "probe", stdout: `{"pages":[{"status":200}]}`})...)
	power := &dead{}
	r.site.Disruptive, r.site.Power = true, power
	r.project.Services = []inventory.Service{{Name: "git", Host: "git.lab.test"}}
	r.verdict(t, "one-machine-killed", Kept, "")
	if !slices.Equal(power.asked, []string{"off edge-1", "on edge-1"}) {
		t.Errorf("%q", power.asked)
	}
}

func TestARestartIsOverWhenAllServeAgain(t *testing.T) {
	t.Parallel()
	early := pages(t, probe.Shown{Status: 200}, probe.Shown{Error: "tls: unrecognized name"})
	early.once = true
	answers := []answer{
		{holds: "--no-block reboot", stdout: "a-boot\n"}, {holds: "is-system-running", stdout: "another-boot\nrunning\n"}, {holds: "status"},
		early, pages(t, probe.Shown{Status: 200}, probe.Shown{Status: 200}),
	}
	r, f := newRun(t, answers...)
	r.site.Disruptive = true
	r.project.Services = []inventory.Service{{Name: "git", Host: "git.lab.test"}}
	r.verdict(t, "reboot-all-and-again", Kept, "")
	if len(f.answers) != len(answers)-1 || len(f.asked) != 7 || !r.restart {
		t.Errorf("looked before all of them served: %q", f.asked)
	}
	r, f = newRun(t, answers[:3]...)
	r.site.Disruptive = true
	r.verdict(t, "reboot-all-and-again", Kept, "") // nothing is behind the edge
	if len(f.asked) != 5 {
		t.Errorf("%q", f.asked)
	}
}
