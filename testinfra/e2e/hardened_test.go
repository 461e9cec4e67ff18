//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// leftInALab are the controls that a hardened machine of the lab does not
// pass, each with a word of the reason that its evidence has to give. They
// need K3s, a kernel of their own, Proxmox, or the profile strict.
func leftInALab() map[string]string {
	out := map[string]string{}
	for reason, ids := range map[string]string{
		"no k3s section": "EDG-01 EDG-02 EDG-03 EDG-04 EDG-05 EDG-06 EDG-07 EDG-09 EDG-10 " +
			"FW-05 FW-06 FW-07 FW-09 FW-10 FW-11 FW-13 FW-16 KRN-10 " +
			"K3S-01 K3S-02 K3S-03 K3S-04 K3S-05 K3S-06 K3S-07 K3S-08 K3S-09 K3S-10 K3S-11 K3S-12 K3S-13",
		"container":                      "KRN-07 KRN-08 KRN-09 KRN-11 KRN-12 LOG-02",
		"names no Proxmox":               "SVC-05",
		"only in profile strict":         "EDG-08 LOG-03",
		"/var/lib/apt/lists has no list": "PKG-01", // a machine of the lab reaches no archive
		"this container":                 "PKG-03 FS-03",
		"with --deep only":               "FS-04 FS-05",
	} {
		for _, id := range strings.Fields(ids) {
			out[id] = reason
		}
	}
	return out
}

// audit is what `harden --check` says, by node and control.
func (s *site) audit(code int) map[string]map[string]hardening.Finding {
	s.t.Helper()
	r := s.must(code, "harden", "--check", "--format", "json")
	var doc struct {
		Nodes []struct {
			Node     string
			Findings []hardening.Finding
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		s.t.Fatalf("harden --check --format json: %v\n%s", err, r.stdout)
	}
	out := map[string]map[string]hardening.Finding{}
	for _, n := range doc.Nodes {
		out[n.Node] = map[string]hardening.Finding{}
		for _, f := range n.Findings {
			out[n.Node][f.ID] = f
		}
		if want := len(hardening.Controls()); len(n.Findings) != want {
			s.t.Fatalf("%s: %d findings, want one for each of the %d controls", n.Node, len(n.Findings), want)
		}
	}
	if len(out) != len(s.cluster.Nodes) {
		s.t.Fatalf("the report has %d nodes, want %d", len(out), len(s.cluster.Nodes))
	}
	return out
}

// onlyTheExcusedIsLeft wants every control to pass, but for those that cannot
// in a machine of the lab and say why.
func onlyTheExcusedIsLeft(t *testing.T, node string, findings map[string]hardening.Finding) {
	t.Helper()
	excuses := leftInALab()
	for _, id := range slices.Sorted(maps.Keys(findings)) {
		f := findings[id]
		reason, excused := excuses[id]
		evidence := strings.Join(f.Evidence, "; ")
		switch {
		case f.Status == hardening.Pass && excused:
			t.Errorf("%s: %s passes, so that it needs no excuse", node, id)
		case f.Status == hardening.Pass:
		case !excused:
			t.Errorf("%s: %s is %s: have %q, want %q: %s", node, id, f.Status, f.Have, f.Want, evidence)
		case evidence == "" || !strings.Contains(evidence, reason):
			t.Errorf("%s: %s is %s and does not say why (%q): %s", node, id, f.Status, reason, evidence)
		}
	}
}

// written is everything that a machine has written since it was made, with
// what changes when it is written again: the lab keeps it in a folder.
func (s *site) written(node string) map[string]string {
	s.t.Helper()
	root := filepath.Join(lab.DefaultState, s.lab.Name(), "machines", node, "upper")
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !d.IsDir() {
			out[strings.TrimPrefix(path, root)] = fmt.Sprint(st.Mode, st.Uid, st.Gid, st.Size, st.Ctim)
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		s.t.Fatalf("what %s has written: %d files, %v", node, len(out), err)
	}
	return out
}

// chatter is what a machine writes because it runs and somebody logs in.
var chatter = regexp.MustCompile(`^/var/log/|^/var/lib/systemd/(timesync|timers)/|^/var/lib/private/systemd/timesync/`)

// writesNothing runs f and wants no file of any node to be other afterwards.
func (s *site) writesNothing(f func()) {
	s.t.Helper()
	before := map[string]map[string]string{}
	for _, n := range s.cluster.Nodes {
		before[n.Name] = s.written(n.Name)
	}
	f()
	for _, n := range s.cluster.Nodes {
		after := s.written(n.Name)
		for _, path := range slices.Sorted(maps.Keys(after)) {
			if after[path] != before[n.Name][path] && !chatter.MatchString(path) {
				s.t.Errorf("%s: %s was written: %s, before %q", n.Name, path, after[path], before[n.Name][path])
			}
		}
		for path := range before[n.Name] {
			if _, there := after[path]; !there && !chatter.MatchString(path) {
				s.t.Errorf("%s: %s is gone", n.Name, path)
			}
		}
	}
}

// kubeChains are rules as kube-proxy and flannel make them, of both families.
const kubeChains = `sudo sh -ec '
for f in iptables ip6tables; do
pods=10.42.0.0/16; svc=10.43.0.10/32; pod=10.42.0.10; [ $f = iptables ] || { pods=fd42::/56; svc=fd43::10/128; pod=[fd42::10]; }
$f-restore -n <<EOF
*nat
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SEP-AAAA - [0:0]
:FLANNEL-POSTRTG - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A POSTROUTING -j FLANNEL-POSTRTG
-A KUBE-SERVICES -d $svc -p tcp -m tcp --dport 53 -j KUBE-SEP-AAAA
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-SEP-AAAA
-A KUBE-SEP-AAAA -p tcp -m tcp -j DNAT --to-destination $pod:8080
-A FLANNEL-POSTRTG -s $pods -d $pods -j RETURN
COMMIT
*filter
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
:FLANNEL-FWD - [0:0]
-A INPUT -j KUBE-FIREWALL
-A FORWARD -j KUBE-FORWARD
-A FORWARD -j FLANNEL-FWD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A FLANNEL-FWD -s $pods -j ACCEPT
COMMIT
EOF
done'`

// chains are the rules of iptables on a node, without counts and times.
func (s *site) chains(node int) string {
	s.t.Helper()
	text := s.onNode(node, "sudo iptables-save; sudo ip6tables-save; sudo iptables -S INPUT >/dev/null")
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\[\d+:\d+\]`).ReplaceAllString(text, "")
	for _, chain := range []string{"KUBE-SERVICES", "KUBE-FORWARD", "FLANNEL-POSTRTG", "FLANNEL-FWD"} {
		if strings.Count(text, ":"+chain+" ") != 2 {
			s.t.Fatalf("%s is not there in both families:\n%s", chain, text)
		}
	}
	return text
}
