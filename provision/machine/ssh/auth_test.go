package ssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// newAgent serves an SSH agent with n keys and returns its socket and the
// keys' public lines.
func newAgent(t *testing.T, n int) (socket string, public []string) {
	t.Helper()
	keyring := agent.NewKeyring()
	for range n {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := keyring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := keyring.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		public = append(public, keyLine(k))
	}
	// Not t.TempDir: a socket's path has to be short.
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
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
			go func() { _ = agent.ServeAgent(keyring, c) }()
		}
	}()
	return socket, public
}

// printOf is the fingerprint of a line that is a key.
func printOf(t *testing.T, line string) string {
	t.Helper()
	print, err := fingerprintOf(line)
	if err != nil {
		t.Fatal(err)
	}
	return print
}

// What is known goes first, also before a file that is named.
func TestKnownKeysAreOfferedFirst(t *testing.T) {
	t.Parallel()
	socket, public := newAgent(t, 4)
	file, _ := sshtest.NewKey(t, "")
	a := &Auth{AgentSocket: socket, Identities: []string{file}, Known: []string{printOf(t, public[2])}}
	o, err := a.offer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	if len(o.keys) != 5 || xssh.FingerprintSHA256(o.keys[0].PublicKey()) != a.Known[0] || o.keys[1].from != file {
		t.Errorf("offered %s", o)
	}
}

func TestAgent(t *testing.T) {
	t.Parallel()
	socket, public := newAgent(t, 8)
	file, filePublic := sshtest.NewKey(t, "")
	half := filepath.Join(t.TempDir(), "last.pub")
	if err := os.WriteFile(half, []byte(public[7]+" last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		auth       *Auth
		authorized string
		state      machine.State
		words      []string
	}{
		"a key of the agent":             {&Auth{AgentSocket: socket}, public[4], "", nil},
		"the last, which is known":       {&Auth{AgentSocket: socket, Known: []string{printOf(t, public[7])}}, public[7], "", nil},
		"the sixth is not offered":       {&Auth{AgentSocket: socket}, public[5], machine.AuthRefused, []string{"not the agent's other 3"}},
		"a key file goes first":          {&Auth{AgentSocket: socket, Identities: []string{file}}, filePublic, "", nil},
		"a public file chooses a key":    {&Auth{AgentSocket: socket, Identities: []string{half}}, public[7], "", nil},
		"a public file without agent":    {&Auth{Identities: []string{half}}, public[7], machine.NoIdentity, []string{half, "does not hold"}},
		"no agent, but a key file":       {&Auth{AgentSocket: "/no/such/socket", Identities: []string{file}}, filePublic, "", nil},
		"no agent and no key file":       {&Auth{AgentSocket: "/no/such/socket"}, filePublic, machine.NoIdentity, []string{"SSH_AUTH_SOCK"}},
		"neither agent nor key file set": {&Auth{}, filePublic, machine.NoIdentity, []string{"ssh.identities"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.server.Authorize(tc.authorized)
			r.cfg.Auth = tc.auth
			err := r.host(t, quick()).Connect(t.Context())
			if tc.state != "" {
				wantState(t, err, tc.state, tc.words...)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// asker counts how often a passphrase is asked for.
type asker struct {
	secret string
	err    error
	asked  atomic.Int32
}

func (a *asker) ask(string) ([]byte, error) {
	a.asked.Add(1)
	return []byte(a.secret), a.err
}

func TestPassphraseIsAskedOnce(t *testing.T) {
	t.Parallel()
	path, public := sshtest.NewKey(t, "secret")
	for name, tc := range map[string]struct {
		asker *asker
		words []string // nil: it works
	}{
		"right": {asker: &asker{secret: "secret"}},
		"wrong": {asker: &asker{secret: "canary"}, words: []string{"wrong passphrase", path, "ssh.passphrase"}},
		"none":  {asker: &asker{err: errors.New("no terminal")}, words: []string{"no terminal", path, "ssh.passphrase"}},
	} {
		auth := &Auth{Identities: []string{path}, Passphrase: tc.asker.ask}
		for range 2 {
			r := newRig(t)
			r.server.Authorize(public)
			r.cfg.Auth = auth
			err := r.host(t, quick()).Connect(t.Context())
			if tc.words != nil {
				wantState(t, err, machine.NoIdentity, tc.words...)
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := tc.asker.asked.Load(); n != 1 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

func TestPassphraseIsNotAskedInVain(t *testing.T) {
	t.Parallel()
	path, _ := sshtest.NewKey(t, "secret")
	r := newRig(t)
	a := asker{secret: "secret"}
	r.cfg.Auth = &Auth{Identities: []string{path}, Passphrase: a.ask}
	wantState(t, r.host(t, quick()).Connect(t.Context()), machine.AuthRefused)
	if n := a.asked.Load(); n != 0 {
		t.Errorf("asked %d times for a key that the server does not want", n)
	}
	r.cfg.Auth = &Auth{Identities: []string{path}}
	r.server.Authorize(publicOf(t, path))
	wantState(t, r.host(t, quick()).Connect(t.Context()), machine.NoIdentity, "encrypted", "ssh.passphrase")
}

// publicOf reads the public half, which the OpenSSH format shows.
func publicOf(t *testing.T, path string) string {
	t.Helper()
	key, err := readIdentity(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return keyLine(key.public)
}

// Keys in the old PEM form hide their public half too.
func TestOldPEMKey(t *testing.T) {
	t.Parallel()
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	path := filepath.Join(t.TempDir(), "id_rsa")
	if out, err := exec.Command(keygen, "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + ".pub"); err != nil {
		t.Fatal(err)
	}
	public, err := parseKey(string(line))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	a := asker{secret: "secret"}
	r.cfg.Auth = &Auth{Identities: []string{path}, Passphrase: a.ask}
	r.server.Authorize(keyLine(public))
	if err := r.host(t, quick()).Connect(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path+".pub", xssh.MarshalAuthorizedKey(public), 0o600); err != nil {
		t.Fatal(err)
	}
	other, b := newRig(t), asker{secret: "secret"}
	other.cfg.Auth = &Auth{Identities: []string{path}, Passphrase: b.ask}
	wantState(t, other.host(t, quick()).Connect(t.Context()), machine.AuthRefused)
	if a.asked.Load() != 1 || b.asked.Load() != 0 {
		t.Errorf("asked %d and %d times, want 1 and 0", a.asked.Load(), b.asked.Load())
	}
}

func TestKeyFilesThatAreNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte("not a key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, filepath.Dir(path), ""} {
		r := newRig(t)
		r.cfg.Auth = &Auth{Identities: []string{bad}}
		wantState(t, r.host(t, quick()).Connect(t.Context()), machine.NoIdentity, bad, "ssh.identities")
	}
}

// slowSigner is a person at a keyboard: it looks whether the clock stands.
type slowSigner struct {
	xssh.AlgorithmSigner
	attempt *attempt
	t       *testing.T
}

func (s slowSigner) SignWithAlgorithm(io.Reader, []byte, string) (*xssh.Signature, error) {
	if s.attempt.patience.Stop() {
		s.t.Error("the handshake's clock runs while somebody types")
	}
	return &xssh.Signature{}, nil
}

func TestClockStandsWhileSigning(t *testing.T) {
	t.Parallel()
	a := &attempt{pace: defaultPace(), patience: time.AfterFunc(time.Hour, func() {})}
	s := watchedSigner{offered{slowSigner{attempt: a, t: t}, "a file"}, a}
	if _, err := s.SignWithAlgorithm(rand.Reader, nil, ""); err != nil {
		t.Fatal(err)
	}
	if !a.patience.Stop() {
		t.Error("the clock was not started again")
	}
}
