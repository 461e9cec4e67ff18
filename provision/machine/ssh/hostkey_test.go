package ssh

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
)

func TestGenerateHostKey(t *testing.T) {
	t.Parallel()
	k, err := GenerateHostKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := xssh.ParsePrivateKey([]byte(k.PrivatePEM))
	if err != nil {
		t.Fatal(err)
	}
	if got := keyLine(signer.PublicKey()); got != k.Public || !strings.HasPrefix(got, "ssh-ed25519 ") {
		t.Errorf("the private key's public half is %q, want %q", got, k.Public)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb, k); got != k.Public {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if other, err := GenerateHostKey(); err != nil || other == k {
		t.Errorf("the next key is the same, or %v", err)
	}
}

// sshd and ssh-keygen read the key, and agree about its fingerprint.
func TestHostKeyServesOpenSSH(t *testing.T) {
	t.Parallel()
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	k, err := GenerateHostKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(k.PrivatePEM), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := exec.Command(keygen, "-y", "-f", path).Output()
	if err != nil || strings.TrimSpace(string(public)) != k.Public {
		t.Errorf("ssh-keygen reads %q, %v", public, err)
	}
	want, err := fingerprintOf(k.Public)
	if err != nil {
		t.Fatal(err)
	}
	if listed, err := exec.Command(keygen, "-l", "-f", path).Output(); err != nil || !strings.Contains(string(listed), want) {
		t.Errorf("ssh-keygen lists %q, %v, want %s", listed, err, want)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "ssh-ed25519", "ssh-ed25519 AAAA", "nonsense"} {
		if got, err := parseKey(line); err == nil {
			t.Errorf("%q reads as the key %v", line, got)
		}
	}
}

func fingerprintOf(line string) (string, error) {
	key, err := parseKey(line)
	if err != nil {
		return "", err
	}
	return xssh.FingerprintSHA256(key), nil
}

func TestOfferedKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key, fingerprint, err := NewHost(Config{Address: r.server.Address}).OfferedKey(t.Context())
	if err != nil || key != r.server.HostKey() {
		t.Fatalf("got %q, %v", key, err)
	}
	if want, err := fingerprintOf(key); err != nil || fingerprint != want {
		t.Errorf("got %s, want %s, %v", fingerprint, want, err)
	}
	if opened, logins := r.server.Connections(); opened != 1 || logins != 0 {
		t.Errorf("%d connections, %d logins", opened, logins)
	}
	r.server.Close()
	_, _, err = NewHost(Config{Address: r.server.Address}).OfferedKey(t.Context())
	wantState(t, err, machine.Refused)
}

func TestHostKeyAsJSONHasNoSecret(t *testing.T) {
	t.Parallel()
	k, err := GenerateHostKey()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(k); err != nil || strings.Contains(string(text), "PRIVATE KEY") {
		t.Errorf("as JSON it is %s, %v", text, err)
	}
}
