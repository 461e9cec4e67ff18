package node

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// settled is a drop-in with a list of each kind.
const settled = "KexAlgorithms curve25519-sha256,x\nCiphers aes256-gcm@openssh.com\nMACs hmac-sha2-256-etm@openssh.com\n"

// hardenSSHD is a transaction of sshd alone.
func hardenSSHD(w *world, t *testing.T, dropIn string) facts.Transaction {
	t.Helper()
	w.startSSHD(t)
	client := usualOffer()
	return facts.Transaction{
		ID: "tx1", Window: 60, Client: &client,
		Files: []facts.FileChange{{Path: "/etc/ssh/sshd_config.d/00-k3sedge.conf", Content: dropIn, Mode: 0o644}},
		Units: []facts.UnitChange{{Name: "ssh.service", Action: "reload"}},
	}
}

// An operator of another version, or with another pin, must not lock himself
// out: the host asks its own sshd what would be left for him.
func TestAConfigurationThatTheClientCannotSpeakIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*facts.Transaction)
		says  string
	}{
		"something of each": {func(*facts.Transaction) {}, ""},
		"post-quantum only": {func(tx *facts.Transaction) {
			tx.Files[0].Content = strings.Replace(settled, "curve25519-sha256,x", "sntrup761x25519-sha512@openssh.com", 1)
		}, "no key exchange in common with sshd: it knows curve25519-sha256, kex-strict-s-v00@openssh.com, sshd would offer sntrup761x25519-sha512@openssh.com"},
		"another cipher":   {func(tx *facts.Transaction) { tx.Client.Ciphers = []string{"aes128-ctr"} }, "no cipher in common"},
		"another MAC":      {func(tx *facts.Transaction) { tx.Client.MACs = nil }, "no MAC in common with sshd: it knows none"},
		"another host key": {func(tx *facts.Transaction) { tx.Client.HostKeys = []string{"ecdsa-sha2-nistp256"} }, "no host key in common"},
		"nobody to ask":    {func(tx *facts.Transaction) { tx.Client, tx.Files[0].Content = nil, "KexAlgorithms y\n" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tx := hardenSSHD(w, t, settled)
			c.spoil(&tx)
			_, err := Apply(t.Context(), w.host(), tx)
			if (err == nil) != (c.says == "") || !strings.Contains(fmt.Sprint(err), c.says) && c.says != "" {
				t.Errorf("error %v, want %q", err, c.says)
			}
			if err != nil && w.exists(tx.Files[0].Path) {
				t.Error("the drop-in was written all the same")
			}
		})
	}
}

// A list that is post-quantum only is fine for OpenSSH and locks our own client
// out: Debian 12's sshd has sntrup761, Go's client has ML-KEM.
func TestRealSSHDTellsWhatIsInCommon(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("sshd is not installed")
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/key", []byte(testHostKey), 0o600); err != nil {
		t.Fatal(err)
	}
	client := facts.Algorithms{
		KeyExchanges: []string{"mlkem768x25519-sha256", "curve25519-sha256"}, HostKeys: []string{"ssh-ed25519"},
		Ciphers: []string{"aes128-gcm@openssh.com"}, MACs: []string{"hmac-sha2-256-etm@openssh.com"},
	}
	for config, says := range map[string]string{
		"":                                   "",
		"KexAlgorithms -curve25519-sha256\n": "no key exchange in common",
		"KexAlgorithms sntrup761x25519-sha512@openssh.com\nMACs -hmac-sha2-256*\n": "no MAC in common",
	} {
		file := dir + "/config"
		if err := os.WriteFile(file, []byte("HostKey "+dir+"/key\n"+config), 0o600); err != nil {
			t.Fatal(err)
		}
		err := Host{Runner: programs{}}.checkClient(t.Context(), file, client)
		var exit *exitError
		if errors.As(err, &exit) {
			t.Skipf("sshd cannot run here: %v", err)
		}
		if (err == nil) != (says == "") || !strings.Contains(fmt.Sprint(err), says) && says != "" {
			t.Errorf("%q: %v, want %q", config, err, says)
		}
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string][]string{"": nil, "ssh-rsa": {"rsa-sha2-512", "rsa-sha2-256"}, "ssh-ed25519": {"ssh-ed25519"}} {
		if have := (facts.HostKey{Type: kind}).Proofs(); !slices.Equal(have, want) {
			t.Errorf("%q: %q", kind, have)
		}
	}
}

// The change is over when sshd has read its files, not when it was told to.
func TestReloadWaitsForSSHD(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx := hardenSSHD(w, t, settled)
	_, before, err := w.host().loadedAt(sshdPIDFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(t.Context(), w.host(), tx); err != nil {
		t.Fatal(err)
	}
	if _, after, err := w.host().loadedAt(sshdPIDFile); err != nil || after == before {
		t.Errorf("read at %d, and again at %d, %v", before, after, err)
	}
	if !slices.Equal(w.reloads, []string{"ssh.service"}) {
		t.Errorf("reloads: %q", w.reloads)
	}
}

// The moduli are filtered where they are, and come back with everything else.
func TestModuliAreFilteredAndComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx := hardenSSHD(w, t, settled)
	before := w.state(t)
	tx.Files = append(tx.Files, facts.FileChange{Path: moduliFile, MinModulus: 3071, Mode: 0o644})
	if _, err := Apply(t.Context(), w.host(), tx); err != nil {
		t.Fatal(err)
	}
	if have := w.read(t, moduliFile); strings.Contains(have, " 2047 ") || !strings.Contains(have, " 8191 ") {
		t.Errorf("moduli:\n%s", have)
	}
	if _, err := Rollback(t.Context(), w.host(), "tx1"); err != nil {
		t.Fatal(err)
	}
	w.same(t, before)
}

func TestModuliThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change facts.FileChange
		says   string
	}{
		"content for the moduli": {facts.FileChange{Path: moduliFile, Content: "x", Mode: 0o644}, "want the least size"},
		"no moduli any more":     {facts.FileChange{Path: moduliFile, Absent: true}, "want the least size"},
		"none left":              {facts.FileChange{Path: moduliFile, MinModulus: 9000, Mode: 0o644}, "no group would be left"},
		"another file":           {facts.FileChange{Path: "/etc/nftables.conf", MinModulus: 3071, Mode: 0o644}, "for /etc/ssh/moduli alone"},
		"both":                   {facts.FileChange{Path: moduliFile, Content: "x", MinModulus: 3071, Mode: 0o644}, "for /etc/ssh/moduli alone"},
	} {
		w := newWorld(t)
		tx := hardenSSHD(w, t, settled)
		before := w.state(t)
		tx.Files = append(tx.Files, c.change)
		if _, err := Apply(t.Context(), w.host(), tx); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		w.same(t, before)
	}
	w := newWorld(t)
	tx := hardenSSHD(w, t, settled)
	if err := os.Remove(w.root + moduliFile); err != nil {
		t.Fatal(err)
	}
	tx.Files = append(tx.Files, facts.FileChange{Path: moduliFile, MinModulus: 3071, Mode: 0o644})
	if _, err := Apply(t.Context(), w.host(), tx); err == nil || !strings.Contains(err.Error(), "read sshd's moduli") {
		t.Errorf("no moduli: %v", err)
	}
}
