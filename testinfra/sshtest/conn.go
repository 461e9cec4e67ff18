package sshtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// conn is a connection that can be made to fall silent.
type conn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}

	mu   sync.Mutex
	thaw chan struct{} // nil while not frozen
}

func newConn(raw net.Conn) *conn { return &conn{Conn: raw, closed: make(chan struct{})} }

// Close closes the connection, once.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		close(c.closed)
		err = c.Conn.Close()
	})
	return err
}

// Read reads, and keeps what it got while the connection is frozen.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	thaw := c.thaw
	c.mu.Unlock()
	if thaw != nil {
		select {
		case <-thaw:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return n, err
}

func (c *conn) freeze(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case on && c.thaw == nil:
		c.thaw = make(chan struct{})
	case !on && c.thaw != nil:
		close(c.thaw)
		c.thaw = nil
	}
}

// serve is one connection from banner to end.
func (s *Server) serve(c *conn) {
	w := s.look()
	if w.hang {
		<-c.closed
		return
	}
	if w.delay > 0 {
		select {
		case <-time.After(w.delay):
		case <-c.closed:
			return
		}
	}
	server, channels, requests, err := ssh.NewServerConn(c, s.config())
	if err != nil {
		return
	}
	s.mu.Lock()
	s.logins++
	s.mu.Unlock()
	var open sync.WaitGroup
	open.Go(func() { answerRequests(requests) })
	for channel := range channels {
		open.Go(func() { s.open(channel) })
	}
	open.Wait()
	_ = server.Close()
}

// config is the server's side of one connection, with the host key and the
// switches of this moment.
func (s *Server) config() *ssh.ServerConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := s.switches.refuseLogins > 0
	if refuse {
		s.switches.refuseLogins--
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if refuse || meta.User() != User || !s.isAuthorized(key) {
				return nil, errRefused
			}
			return &ssh.Permissions{}, nil
		},
	}
	config.AddHostKey(s.hostKey)
	return config
}

func (s *Server) isAuthorized(key ssh.PublicKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.accepted {
		known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err == nil && bytes.Equal(known.Marshal(), key.Marshal()) {
			return true
		}
	}
	return false
}

// answerRequests refuses global requests, keepalives among them, as sshd does.
func answerRequests(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

func (s *Server) open(channel ssh.NewChannel) {
	switch channel.ChannelType() {
	case "session":
		s.session(channel)
	case "direct-tcpip":
		s.forward(channel)
	default:
		_ = channel.Reject(ssh.UnknownChannelType, "unknown channel type")
	}
}

// forward connects to somewhere else for the client, within this computer, and
// refuses in sshd's words.
func (s *Server) forward(channel ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}
	if err := ssh.Unmarshal(channel.ExtraData(), &to); err != nil || s.look().noForward {
		_ = channel.Reject(ssh.Prohibited, "open failed")
		return
	}
	if ip := net.ParseIP(to.Host); to.Host != "localhost" && !ip.IsLoopback() {
		_ = channel.Reject(ssh.ConnectionFailed, "Network is unreachable")
		return
	}
	target, err := net.Dial("tcp", s.redirected(net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port)))))
	if err != nil {
		_ = channel.Reject(ssh.ConnectionFailed, systemWords(err))
		return
	}
	ch, requests, err := channel.Accept()
	if err != nil {
		_ = target.Close()
		return
	}
	go answerRequests(requests)
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(ch, target)
		_ = ch.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(target, ch)
		_ = target.Close()
	})
	both.Wait()
}

// systemWords is err as the C library puts it.
func systemWords(err error) string {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return "unknown host (" + err.Error() + ")"
	}
	words := number.Error()
	return strings.ToUpper(words[:1]) + words[1:]
}
