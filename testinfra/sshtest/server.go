package sshtest

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// errRefused is what the server tells a login that it does not let in.
var errRefused = errors.New("refused")

// User is the name to log in with; it is not root, so that sudo is used.
const User = "admin"

// Server is an SSH server on loopback. Its methods may be called at any time
// from any goroutine.
type Server struct {
	// Address is host:port.
	Address string
	// Home is the directory of the login user.
	Home string

	t        testing.TB
	shims    shims
	listener net.Listener
	done     chan struct{}
	running  sync.WaitGroup

	mu       sync.Mutex
	hostKey  ssh.Signer
	accepted []string // authorized_keys lines
	conns    map[*conn]bool
	switches switches
	commands []string
	redirect map[string]string
	canned   map[string][]byte // answers by the end of the command line
	logins   int
	opened   int
}

// switches is what is made to go wrong.
type switches struct {
	refuseLogins int
	noRoom       int
	hang         bool
	frozen       bool
	noSFTP       bool
	noForward    bool
	delay        time.Duration
}

// Start runs a server that lets in the given authorized_keys lines. It ends
// with the test, and with it every command that still runs.
func Start(t testing.TB, authorized ...string) *Server {
	t.Helper()
	return StartAt(t, "127.0.0.1:0", authorized...)
}

// StartAt is Start at an address of loopback, where there are many servers.
func StartAt(t testing.TB, address string, authorized ...string) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Address: listener.Addr().String(), Home: t.TempDir(), t: t,
		shims: newShims(t), listener: listener, done: make(chan struct{}),
		hostKey: newHostKey(t), accepted: authorized, conns: map[*conn]bool{},
	}
	s.running.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

// Close ends the server and everything that it runs.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.done:
		s.mu.Unlock()
		return
	default:
		close(s.done)
	}
	s.mu.Unlock()
	_ = s.listener.Close()
	s.Drop()
	s.running.Wait()
}

// HostKey returns the server's public key line.
func (s *Server) HostKey() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return publicLine(s.hostKey.PublicKey())
}

// ChangeHostKey makes new connections see another key, as if the machine had
// been re-installed, and returns it.
func (s *Server) ChangeHostKey() string {
	s.mu.Lock()
	s.hostKey = newHostKey(s.t)
	s.mu.Unlock()
	return s.HostKey()
}

// Authorize lets one more key in.
func (s *Server) Authorize(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = append(s.accepted, line)
}

// RefuseLogins refuses every key on the next n connections.
func (s *Server) RefuseLogins(n int) { s.set(func(w *switches) { w.refuseLogins = n }) }

// RefuseSessions refuses the next n sessions as sshd does beyond MaxSessions.
func (s *Server) RefuseSessions(n int) { s.set(func(w *switches) { w.noRoom = n }) }

// Hang accepts connections and says nothing, not even a banner.
func (s *Server) Hang(on bool) { s.set(func(w *switches) { w.hang = on }) }

// Freeze reads nothing more from any connection, as if the cable was cut.
func (s *Server) Freeze(on bool) { s.set(func(w *switches) { w.frozen = on }) }

// RefuseSFTP has no SFTP subsystem.
func (s *Server) RefuseSFTP(on bool) { s.set(func(w *switches) { w.noSFTP = on }) }

// RefuseForwarding refuses to be a jump host.
func (s *Server) RefuseForwarding(on bool) { s.set(func(w *switches) { w.noForward = on }) }

// Redirect leads connections that are forwarded to one address to another, for
// servers whose port cannot be the usual one on this computer.
func (s *Server) Redirect(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.redirect == nil {
		s.redirect = map[string]string{}
	}
	s.redirect[from] = to
}

// redirected is where a connection to address leads.
func (s *Server) redirected(address string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to, ok := s.redirect[address]; ok {
		return to
	}
	return address
}

// Delay waits this long before the banner of each new connection.
func (s *Server) Delay(d time.Duration) { s.set(func(w *switches) { w.delay = d }) }

// Program puts a script in the place of the program at an absolute path of
// this computer, whether or not it is there, for those who run it by sudo.
func (s *Server) Program(path, script string) { s.shims.program(path, script) }

// Canned answers at once, and without running anything, commands whose line
// ends so.
func (s *Server) Canned(end string, out []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.canned == nil {
		s.canned = map[string][]byte{}
	}
	s.canned[end] = out
}

// cannedFor is the canned answer to a command line.
func (s *Server) cannedFor(line string) (out []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for end, out := range s.canned {
		if strings.HasSuffix(line, end) {
			return out, true
		}
	}
	return nil, false
}

// SudoPassword makes sudo ask for a password.
func (s *Server) SudoPassword(on bool) { s.shims.sudoPassword(on) }

// CloudInit makes `cloud-init status` print answer and exit with code; 127
// stands for a machine without cloud-init.
func (s *Server) CloudInit(answer string, code int) { s.shims.cloudInit(answer, code) }

// CloudInitOff switches cloud-init off by its marker.
func (s *Server) CloudInitOff() { s.shims.cloudInitOff() }

// Drop breaks every open connection without a goodbye.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Commands returns the command lines that were run, in order.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Connections returns how many connections were made, and how many of them
// got as far as a login.
func (s *Server) Connections() (opened, loggedIn int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.logins
}

// Open returns how many connections are open now.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) set(change func(*switches)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.switches)
	for c := range s.conns {
		c.freeze(s.switches.frozen)
	}
}

// hasRoom takes the room for one more session.
func (s *Server) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.switches.noRoom > 0 {
		s.switches.noRoom--
		return false
	}
	return true
}

func (s *Server) look() switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches
}

func (s *Server) accept() {
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := newConn(raw)
		s.mu.Lock()
		s.opened++
		s.conns[c] = true
		c.freeze(s.switches.frozen)
		s.mu.Unlock()
		s.running.Go(func() {
			defer s.forget(c)
			s.serve(c)
		})
	}
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	_ = c.Close()
}
