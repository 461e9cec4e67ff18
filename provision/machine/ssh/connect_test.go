package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// wantState fails the test unless err has the state, a hint and these words.
func wantState(t *testing.T, err error, state machine.State, words ...string) {
	t.Helper()
	if got := machine.StateOf(err); got != state {
		t.Fatalf("got %v (state %q), want state %q", err, got, state)
	}
	all := err.Error()
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("no hint with %v", err)
	} else {
		all += "\n" + hint.Hint()
	}
	for _, w := range words {
		if !strings.Contains(all, w) {
			t.Errorf("%q is not in %q", w, all)
		}
	}
}

// listen runs a server that does to each connection what serve says.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return l.Addr().String()
}

func TestStatesOfAnAttempt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		arrange func(*testing.T, *rig)
		state   machine.State
		words   []string
	}{
		"nothing listens": {func(t *testing.T, r *rig) { r.server.Close() }, machine.Refused, nil},
		"closed before the banner": {func(t *testing.T, r *rig) {
			r.cfg.Address = listen(t, func(c net.Conn) { _ = c.Close() })
		}, machine.Refused, []string{"before the key exchange"}},
		"not an SSH server": {func(t *testing.T, r *rig) {
			r.cfg.Address = listen(t, func(c net.Conn) { _, _ = c.Write([]byte(strings.Repeat("HTTP/1.1 400 ", 100))) })
		}, machine.Refused, []string{"no key exchange"}},
		"another host key": {func(t *testing.T, r *rig) {
			r.server.ChangeHostKey()
		}, machine.HostKeyDiffers, []string{"k3sedge trust edge-1", "offered SHA256:", "pinned SHA256:"}},
		"nothing pinned": {func(t *testing.T, r *rig) {
			if err := r.cfg.Pins.Forget("edge-1"); err != nil {
				t.Fatal(err)
			}
		}, machine.HostKeyUnknown, []string{"k3sedge trust edge-1"}},
		"no pins at all": {func(t *testing.T, r *rig) { r.cfg.Pins = nil }, machine.HostKeyUnknown, nil},
		"key refused":    {func(t *testing.T, r *rig) { r.server.RefuseLogins(1) }, machine.AuthRefused, []string{"user admin", "offered SHA256:", "id_ed25519", "ssh.identities"}},
		"user refused":   {func(t *testing.T, r *rig) { r.cfg.User = "nobody" }, machine.AuthRefused, []string{"user nobody"}},
		"no key":         {func(t *testing.T, r *rig) { r.cfg.Auth = nil }, machine.NoIdentity, []string{"ssh.identities"}},
		"no key file": {func(t *testing.T, r *rig) {
			r.cfg.Auth = &Auth{Identities: []string{"/no/such/key"}}
		}, machine.NoIdentity, []string{"/no/such/key", "ssh.identities"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tc.arrange(t, &r)
			err := r.host(t, quick()).Connect(t.Context())
			wantState(t, err, tc.state, tc.words...)
			if _, logins := r.server.Connections(); logins != 0 {
				t.Errorf("%d logins", logins)
			}
		})
	}
}

func TestBothFingerprintsAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pinned, err := fingerprintOf(r.server.HostKey())
	if err != nil {
		t.Fatal(err)
	}
	offered, err := fingerprintOf(r.server.ChangeHostKey())
	if err != nil {
		t.Fatal(err)
	}
	err = r.host(t, quick()).Connect(t.Context())
	wantState(t, err, machine.HostKeyDiffers, "offered "+offered, "pinned "+pinned)
}

// A server that lost the type of key that was pinned is a server with
// another key, and not one without common algorithms.
func TestHostKeyOfAnotherType(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
	if err := r.cfg.Pins.Set("edge-1", r.server.Address, ecdsa); err != nil {
		t.Fatal(err)
	}
	err := r.host(t, quick()).Connect(t.Context())
	wantState(t, err, machine.HostKeyDiffers, "(ssh-ed25519)", "(ecdsa-sha2-nistp256)")
}

func TestServerThatSaysNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.Hang(true)
	p := quick()
	p.handshake = time.Millisecond
	wantState(t, r.host(t, p).Connect(t.Context()), machine.Timeout)
	if _, _, err := newHost(r.cfg, p).OfferedKey(t.Context()); machine.StateOf(err) != machine.Timeout {
		t.Errorf("got %v", err)
	}
}

func TestConnectionThatBreaksAtLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path, public := sshtest.NewKey(t, "secret")
	r.server.Authorize(public)
	r.cfg.Auth = &Auth{Identities: []string{path}, Passphrase: func(string) ([]byte, error) {
		r.server.Drop()
		return []byte("secret"), nil
	}}
	wantState(t, r.host(t, quick()).Connect(t.Context()), machine.Lost)
}

func TestDialState(t *testing.T) {
	t.Parallel()
	wrap := func(n syscall.Errno) error {
		return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", n)}
	}
	for name, tc := range map[string]struct {
		err  error
		want machine.State
	}{
		"host unreachable":    {wrap(syscall.EHOSTUNREACH), machine.NoRoute},
		"network unreachable": {wrap(syscall.ENETUNREACH), machine.NoRoute},
		"refused":             {wrap(syscall.ECONNREFUSED), machine.Refused},
		"kernel's time-out":   {wrap(syscall.ETIMEDOUT), machine.Timeout},
		"our time-out":        {fmt.Errorf("dial: %w", context.DeadlineExceeded), machine.Timeout},
		"unknown name":        {&net.OpError{Op: "dial", Err: &net.DNSError{Name: "x", IsNotFound: true}}, machine.NoRoute},
		"slow name server":    {&net.OpError{Op: "dial", Err: &net.DNSError{Name: "x", IsTimeout: true}}, machine.NoRoute},
		"jump host cannot":    {&xssh.OpenChannelError{Reason: xssh.ConnectionFailed}, machine.NoRoute},
	} {
		if got := dialState(tc.err); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestConfigThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Config){
		"no port": func(c *Config) { c.Address = "10.0.0.1" },
		"no user": func(c *Config) { c.User = "" },
		"a pin that is no key": func(c *Config) {
			c.Pins = &Pins{pins: []pin{{names: []string{"edge-1"}, key: "nonsense"}}}
		},
	} {
		r := newRig(t)
		spoil(&r.cfg)
		err := r.host(t, quick()).Connect(t.Context())
		if err == nil || machine.StateOf(err) != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCancelledAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.Hang(true)
	h := r.host(t, defaultPace())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	// The second one waits for the first one's attempt.
	go func() { ended <- h.Connect(ctx) }()
	go func() { ended <- h.Connect(ctx) }()
	sshtest.Eventually(t, "the server is reached", func() bool {
		opened, _ := r.server.Connections()
		return opened == 1
	})
	cancel()
	for range 2 {
		err := sshtest.Promptly(t, func() error { return <-ended })
		if !errors.Is(err, context.Canceled) || machine.StateOf(err) != "" {
			t.Errorf("got %v", err)
		}
	}
}

func TestEveryStateHasAHint(t *testing.T) {
	t.Parallel()
	for _, s := range []machine.State{
		machine.NoRoute, machine.Refused, machine.Timeout, machine.HostKeyDiffers, machine.HostKeyUnknown,
		machine.AuthRefused, machine.CloudInit, machine.SudoPassword, machine.NoIdentity, machine.Lost,
	} {
		c := Config{Name: "edge-1", Address: "10.0.0.1:22", User: "admin"}
		if Hint(s) == "" {
			t.Errorf("%s: no hint", s)
		}
		if got := c.hint(s); strings.Contains(got, "NODE") || strings.Contains(got, "USER") || strings.Contains(got, "ADDRESS") {
			t.Errorf("%s: %s", s, got)
		}
	}
}
