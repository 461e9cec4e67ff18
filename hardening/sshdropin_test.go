package hardening

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
)

// dropInFor is the drop-in of a stock machine of a release.
func dropInFor(t *testing.T, release string, p Policy) string {
	t.Helper()
	f := stock(t, p)
	f.System.Release = release
	return dropInText(f, p)
}

func TestGoldenDropIns(t *testing.T) {
	t.Parallel()
	server := testPolicy(t)
	bare := server
	bare.Cluster, bare.Forwards = nil, nil
	for _, release := range sshReleases() {
		golden(t, "sshd-debian"+release+"-k3s.conf", dropInFor(t, release, server))
		golden(t, "sshd-debian"+release+".conf", dropInFor(t, release, bare))
	}
	golden(t, "sshd-unknown.conf", dropInFor(t, "14", bare))
}

func TestTheDropInHasNoLineOfWhatIsWaived(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Waivers = map[string]Waiver{"SSH-08": {Reason: "r"}, "SSH-15": {Reason: "r", Expired: true}}
	p.Selection = Selection{Skip: []string{"SSH-13"}}
	f := stock(t, p)
	text := dropInText(f, p)
	for word, want := range map[string]bool{"KexAlgorithms": false, "Ciphers": true, "ClientAliveInterval": true, "X11Forwarding": false, "AllowTcpForwarding": false} {
		if strings.Contains(text, word) != want {
			t.Errorf("%s: wanted %t in\n%s", word, want, text)
		}
	}
	f.Files[sshdDropIn] = facts.File{Exists: true, Content: "X11Forwarding no\nAllowTcpForwarding yes\n"}
	if text := dropInText(f, p); !strings.Contains(text, "X11Forwarding no\n") || strings.Contains(text, "AllowTcpForwarding") {
		t.Errorf("what is skipped was not left as it is:\n%s", text)
	}
	f = hardened(t, p)
	f.SSHD.Origins = slices.DeleteFunc(f.SSHD.Origins, func(o facts.Origin) bool { return o.Key == "kexalgorithms" })
	if v := verdicts(f, p)["SSH-05"]; v.Status != Pass {
		t.Errorf("a keyword that is not managed: %+v", v)
	}
}

func TestForwards(t *testing.T) {
	t.Parallel()
	c := testCluster()
	jump := func(address string) func(*inventory.Cluster) {
		return func(c *inventory.Cluster) { c.SSH.Jump = &inventory.Jump{Address: address} }
	}
	for name, tt := range map[string]struct {
		node   int
		change func(*inventory.Cluster)
		want   []string
	}{
		"a server":               {0, nil, []string{"127.0.0.1:6443"}},
		"an agent":               {1, nil, nil},
		"no cluster":             {0, func(c *inventory.Cluster) { c.K3s = nil }, nil},
		"through another host":   {0, jump("bastion.lan"), []string{"127.0.0.1:6443"}},
		"through this node":      {0, jump("10.0.0.11:22"), []string{"127.0.0.1:6443", "10.0.0.12:22"}},
		"through this agent":     {1, jump("10.0.0.12"), []string{"10.0.0.11:22"}},
		"through it by its name": {1, jump("node-2:2222"), []string{"10.0.0.11:22"}},
	} {
		c := c
		if tt.change != nil {
			tt.change(&c)
		}
		if have := forwards(c, c.Nodes[tt.node]); !slices.Equal(have, tt.want) {
			t.Errorf("%s: %q, wanted %q", name, have, tt.want)
		}
	}
}

// What would overrule the host keys is named: it cannot be outranked.
func TestHostKeysThatOthersName(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.SSHD.Origins = append(f.SSHD.Origins, facts.Origin{Key: "hostkey", Value: rsaFile, File: sshdConfig, Line: 8}, facts.Origin{Key: "hostkey", Value: ecdsaFile, File: sshdConfig, Line: 9})
	f.HostKeys = append(f.HostKeys, facts.HostKey{File: ecdsaFile, Type: "ecdsa-sha2-nistp256", Bits: 256, Mode: 0o600})
	m := mendHostKeys(f, p)
	if len(m.Files) != 0 || len(m.Blocked) != 1 || m.Blocked[0] != "take out "+sshdConfig+":9: hostkey "+ecdsaFile {
		t.Errorf("%+v", m)
	}
}

func TestALooseHostKeyIsClosed(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.HostKeys[0].Mode, f.HostKeys[0].GID = 0o644, 4
	if m := mendHostKeys(f, p); len(m.Files) != 0 || len(m.Blocked) != 0 || !slices.Equal(m.Attrs, []facts.AttrChange{{Path: ed25519File, Mode: 0o600}}) ||
		!slices.Equal(m.Units, []facts.UnitChange{{Name: sshdUnit, Action: "reload"}}) {
		t.Errorf("%+v", m)
	}
}

// A pinned key is never taken away: the next connection would be refused.
func TestThePinnedHostKeyIsKept(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Client = func() facts.Algorithms {
		c := testClient()
		c.HostKeys = []string{"ecdsa-sha2-nistp256"}
		return c
	}
	f := stock(t, p)
	if text := dropInText(f, p); strings.Contains(text, "HostKey ") {
		t.Errorf("drop-in:\n%s", text)
	}
	m := mendHostKeys(f, p)
	if text := strings.Join(m.Blocked, "\n"); !strings.Contains(text, "k3sedge trust node-1") {
		t.Errorf("blocked: %q", m.Blocked)
	}
	if err := guard(f, p); err != nil {
		t.Errorf("nothing of the host keys changes: %v", err)
	}
}

func TestTheGuardWantsSomethingInCommon(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*facts.Algorithms)
		skip   string
		says   string
	}{
		"all is well":          {func(*facts.Algorithms) {}, "", ""},
		"another key exchange": {func(a *facts.Algorithms) { a.KeyExchanges = []string{"diffie-hellman-group14-sha256"} }, "", "KexAlgorithms: it knows diffie-hellman-group14-sha256, sshd would offer sntrup761"},
		"a sign is none":       {func(a *facts.Algorithms) { a.KeyExchanges = []string{"ext-info-c"} }, "", "KexAlgorithms"},
		"not asked for":        {func(a *facts.Algorithms) { a.KeyExchanges = nil }, "SSH-08", ""},
		"another cipher":       {func(a *facts.Algorithms) { a.Ciphers = []string{"aes128-cbc"} }, "", "Ciphers"},
		"another MAC":          {func(a *facts.Algorithms) { a.MACs = []string{"hmac-sha1"} }, "", "MACs"},
	} {
		p := testPolicy(t)
		client := testClient()
		tt.change(&client)
		p.Client = func() facts.Algorithms { return client }
		if tt.skip != "" {
			p.Selection.Skip = []string{tt.skip}
		}
		err := guard(stock(t, p), p)
		if (err == nil) != (tt.says == "") || !strings.Contains(fmt.Sprint(err), tt.says) && tt.says != "" {
			t.Errorf("%s: %v, wanted %q", name, err, tt.says)
		}
		if err != nil && !strings.Contains(hintOf(err), "--skip SSH-0") {
			t.Errorf("%s: hint %q", name, hintOf(err))
		}
	}
	p := testPolicy(t)
	p.Client = nil
	f := stock(t, p)
	if err := guard(f, p); err == nil || hintOf(err) == "" {
		t.Errorf("a client that nobody knows: %v", err)
	}
	if v := verdicts(f, p)["SSH-08"]; v.Status != Unknown {
		t.Errorf("a client that nobody knows: %+v", v)
	}
}

// sshd itself has to understand the drop-in and do what it says.
func TestRealSshdObeysTheDropIn(t *testing.T) {
	t.Parallel()
	const sshd = "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("sshd is not installed: the drop-in is compared with its golden file only")
	}
	p := testPolicy(t)
	dir := t.TempDir()
	f := stock(t, p)
	for i, kind := range []string{"ed25519", "rsa"} {
		f.HostKeys[i].File = filepath.Join(dir, kind)
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", kind, "-N", "", "-f", f.HostKeys[i].File).CombinedOutput(); err != nil {
			t.Fatalf("make host key: %v: %s", err, out)
		}
	}
	config := filepath.Join(dir, "sshd_config")
	content := dropInText(f, p) + "PasswordAuthentication yes\nPermitRootLogin yes\nKexAlgorithms ecdh-sha2-nistp256\nX11Forwarding yes\nPermitOpen any\n"
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), sshd, "-t", "-f", config).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "Missing privilege separation directory") || strings.Contains(string(out), "KEX") {
			t.Skipf("this sshd is not Debian 12's, or cannot run here: %s", out)
		}
		t.Fatalf("sshd -t: %v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), sshd, "-T", "-f", config, "-C", "user=root,addr=203.0.113.7,host=x").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	for _, s := range keptSettings(f, p) {
		if !slices.Contains(lines, s.key()+" "+s.want) {
			t.Errorf("sshd -T does not say %s %s", s.key(), s.want)
		}
	}
}
