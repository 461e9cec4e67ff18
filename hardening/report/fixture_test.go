package report

import (
	"bytes"
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file that -update writes.
func golden(t *testing.T, file, got string) {
	t.Helper()
	goldenfile.Compare(t, file, []byte(got), *update)
}

func finding(id string, severity hardening.Severity, status hardening.Status, title string) hardening.Finding {
	return hardening.Finding{
		ID: id, Title: title, Severity: severity, Status: status, Kept: true,
		Why: "what goes wrong without " + id, Refs: []string{"CIS Debian 12 5.1.20"},
	}
}

// hostile is what a node could say to whoever looks at the report.
const hostile = "</pre><script>alert(1)</script> \x1b[31mred\x1b[0m & ]]> \u202eback"

func sampleNode1(w hardening.Waiver) []hardening.Finding {
	fail := finding("SSH-01", hardening.Critical, hardening.Fail, "Password login is off for every user and source")
	fail.Have, fail.Want = "passwordauthentication yes", "passwordauthentication no for every user from every source"
	fail.Evidence = []string{
		"/etc/ssh/sshd_config.d/50-cloud-init.conf:1: passwordauthentication yes", "sshd -T -C user=root,addr=10.0.0.1: passwordauthentication yes",
		"sshd -T -C user=root,addr=203.0.113.7: passwordauthentication yes", "sshd -T -C user=admin,addr=10.0.0.1: passwordauthentication yes", hostile,
	}
	fail.Mend = []string{"`k3sedge harden` mends it"}
	medium := finding("SSH-13", hardening.Medium, hardening.Waived, "The forwarding surface is closed")
	medium.Evidence, medium.Waiver = []string{"sshd -T: allowtcpforwarding yes"}, &w
	expired := finding("KRN-04", hardening.Low, hardening.Fail, "Source routes and redirects are refused")
	expired.Have, expired.Want, expired.Evidence = "net.ipv4.conf.all.accept_redirects = 1", "0", []string{hostile}
	expired.Kept, expired.Mend = false, []string{"left to you: set it to 0"}
	expired.Waiver = &hardening.Waiver{Reason: "an old router", Owner: "net team", Expires: "2026-11-01", Expired: true}
	gap := finding("FW-14", hardening.High, hardening.Unknown, "The firewall survives a restart")
	gap.Evidence = []string{"units: the agent did not look at it"}
	excused := finding("KRN-10", hardening.High, hardening.NotApplicable, "The kernel is set as the kubelet demands")
	excused.Evidence = []string{"k3sedge.yaml has no k3s section: nothing of K3s runs here"}
	out := []hardening.Finding{fail, finding("SSH-02", hardening.Critical, hardening.Pass, "Keyboard-interactive login is off"), medium, gap}
	for _, id := range []string{"FW-01", "FW-02", "FW-03", "FW-05", "FW-06", "FW-07", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12", "FW-13", "FW-15"} {
		out = append(out, finding(id, hardening.High, hardening.Pass, "A thing of the firewall holds"))
	}
	return append(out, expired, excused)
}

func clusterOf(name string) inventory.Cluster {
	return inventory.Cluster{Name: name, Hardening: inventory.Hardening{Profile: inventory.Baseline}}
}

// sample is a report with one of everything.
func sample(t *testing.T) Document {
	t.Helper()
	now := time.Date(2026, 11, 30, 1, 5, 0, 0, time.UTC)
	c := clusterOf("home")
	for _, w := range [][5]string{
		{"SSH-13", "*", "tunnels for the backup", "ops", "2027-01-31"}, {"KRN-04", "edge-1", "an old router", "net team", "2026-11-01"},
	} {
		day, err := inventory.ParseDate(w[4])
		if err != nil {
			t.Fatal(err)
		}
		c.Waivers = append(c.Waivers, inventory.Waiver{ID: w[0], Node: w[1], Reason: w[2], Owner: w[3], Expires: day})
	}
	low := finding("KRN-04", hardening.Low, hardening.Fail, "Source routes and redirects are refused")
	low.Have, low.Want, low.Evidence = "net.ipv4.conf.all.accept_redirects = 1", "0", []string{"/proc/sys/net/ipv4/conf/all/accept_redirects: 1"}
	return New(About{Version: "v1.2.3", Now: now, Cluster: c}, []Seen{
		{Node: "edge-1", Findings: sampleNode1(hardening.WaiverOf(c.Waivers[0], now))},
		{Node: "edge-2", Findings: []hardening.Finding{
			finding("SSH-01", hardening.Critical, hardening.Pass, "Password login is off for every user and source"), low,
			finding("FW-14", hardening.High, hardening.Pass, "The firewall survives a restart"),
		}},
		{Node: "edge-3", Error: "dial tcp 10.0.0.13:22: no route to host", Hint: "see whether it is switched on"},
	})
}

func written(t *testing.T, format string, d Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// docs is a file of the documentation.
func docs(name string) string { return filepath.Join("..", "..", "docs", name) }
