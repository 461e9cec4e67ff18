package ssh

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// loginVariable names the user to log in as instead of root, where there is
// one that may use sudo.
const loginVariable = "K3SEDGE_TEST_LOGIN"

// newOpenSSH starts the real sshd on loopback, for the key of one test, and
// returns how to reach it.
func newOpenSSH(t *testing.T) Config {
	t.Helper()
	sshd, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and /usr/sbin/sshd")
	}
	// sshd wants it even where no service manager has made it.
	if err := os.Mkdir("/run/sshd", 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Skipf("needs /run/sshd: %v", err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // sshd reads authorized_keys as the user
		t.Fatal(err)
	}
	identity, public := sshtest.NewKey(t, "")
	key, err := GenerateHostKey()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	// With SHLVL=2 bash takes itself for an inner shell and leaves out the
	// user's .bashrc, which has no place in a test and may be slow.
	config := fmt.Sprintf(`ListenAddress 127.0.0.1:%d
HostKey %s/host_key
AuthorizedKeysFile %s/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
MaxAuthTries 3
SetEnv SHLVL=2
Subsystem sftp internal-sftp
`, address.Port, dir, dir)
	for name, content := range map[string]string{"host_key": key.PrivatePEM, "authorized_keys": public + "\n", "sshd_config": config} {
		mode := fs.FileMode(0o600)
		if name == "authorized_keys" {
			mode = 0o644
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	pins := openPins(t, filepath.Join(dir, "known_hosts"))
	set(t, pins, "real", address.String(), key.Public)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	return Config{Name: "real", Address: address.String(), User: cmp.Or(os.Getenv(loginVariable), "root"), Auth: &Auth{Identities: []string{identity}}, Pins: pins}
}

// TestOpenSSH holds the suite, and with it the stand-in that other tests use,
// against the real sshd.
func TestOpenSSH(t *testing.T) {
	t.Parallel()
	cfg := newOpenSSH(t)
	if err := NewHost(cfg).WaitReady(t.Context(), 20*time.Second); err != nil && machine.StateOf(err) != machine.CloudInit {
		t.Fatal(err)
	}
	t.Run("conformance", func(t *testing.T) {
		sshtest.TestHost(t, func(t *testing.T) machine.Host {
			h := NewHost(cfg)
			t.Cleanup(func() { _ = h.Close() })
			return h
		})
	})
	t.Run("another key is refused", func(t *testing.T) {
		other := cfg
		identity, _ := sshtest.NewKey(t, "")
		other.Auth = &Auth{Identities: []string{identity}}
		wantState(t, NewHost(other).Connect(t.Context()), machine.AuthRefused)
	})
	t.Run("too many keys are not", func(t *testing.T) {
		socket, _ := newAgent(t, 20)
		other := cfg
		other.Auth = &Auth{AgentSocket: socket, Identities: cfg.Auth.Identities}
		if err := NewHost(other).Connect(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("more wrong keys than it takes", func(t *testing.T) {
		socket, _ := newAgent(t, 5)
		other := cfg
		other.Auth = &Auth{AgentSocket: socket}
		wantState(t, NewHost(other).Connect(t.Context()), machine.AuthRefused)
	})
	t.Run("jump host", func(t *testing.T) {
		inner := cfg
		inner.Jump = &cfg
		h := NewHost(inner)
		defer h.Close()
		if out, err := h.Run(t.Context(), command("echo", "through")); err != nil || string(out.Stdout) != "through\n" {
			t.Errorf("got %q, %v", out.Stdout, err)
		}
	})
	t.Run("offered key", func(t *testing.T) {
		if key, _, err := NewHost(Config{Address: cfg.Address}).OfferedKey(t.Context()); err != nil || key != cfg.Pins.Get("real")[0] {
			t.Errorf("got %q, %v", key, err)
		}
	})
}
