package ssh

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// maxSessions stays below sshd's default MaxSessions of 10: one is for SFTP,
// and sshd counts a session a little longer than we do.
const maxSessions = 7

// A session that sshd has no room for is asked for again, because it counts
// one until it has reaped its process: this often, with this pause first.
const (
	openTries = 6
	openPause = 10 * time.Millisecond
)

// errSilent is a connection on which nothing came back for too long.
var errSilent = errors.New("no answer to keepalives")

// link is one live connection.
type link struct {
	cfg      Config
	client   *xssh.Client
	conn     *countedConn
	jump     *link
	sessions chan struct{} // a token for each session that may be open

	once sync.Once
	lost chan struct{} // closed when the connection is gone
	err  error         // why; read after lost is closed

	transfer transfer
}

func newLink(a *attempt, client *xssh.Client, jump *link) *link {
	l := &link{
		cfg: a.cfg, client: client, conn: a.conn, jump: jump,
		sessions: make(chan struct{}, maxSessions), lost: make(chan struct{}),
	}
	go func() { l.end(client.Wait()) }()
	go l.keepAlive(a.pace)
	return l
}

// end closes the connection for the reason err, once.
func (l *link) end(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.lost)
		// The jump host first: its TCP connection is the only thing whose
		// closing cannot block on a peer that does not answer.
		if l.jump != nil {
			l.jump.end(err)
		}
		go l.client.Close()
	})
}

func (l *link) isLost() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

// lostError may be called only when the connection is known to be gone.
func (l *link) lostError(fallback error) error {
	if l.isLost() && l.err != nil {
		fallback = l.err
	}
	return l.cfg.unreachable(machine.Lost, fallback)
}

// keepAlive asks the server for a sign of life in regular intervals. Anything
// that arrives is one, so that a long upload is not taken for a dead server.
func (l *link) keepAlive(p pace) {
	ticker := time.NewTicker(p.keepalive)
	defer ticker.Stop()
	asking := make(chan struct{}, 1)
	misses, seen := 0, l.conn.reads.Load()
	for {
		select {
		case <-l.lost:
			return
		case <-ticker.C:
		}
		if now := l.conn.reads.Load(); now != seen {
			misses, seen = 0, now
		} else if misses++; misses > p.misses {
			l.end(errSilent)
			return
		}
		select {
		case asking <- struct{}{}:
			go func() {
				// No answer and a refusal mean the same here: what counts is
				// whether bytes came back.
				_, _, _ = l.client.SendRequest("keepalive@openssh.com", true, nil)
				<-asking
			}()
		default:
		}
	}
}

// session is one channel of a link for one command.
type session struct {
	*xssh.Session
	link *link
}

// open opens a session.
func (l *link) open(ctx context.Context) (*session, error) {
	pause := openPause
	for try := 1; ; try++ {
		s, err := l.openOnce(ctx)
		var refused *xssh.OpenChannelError
		full := errors.As(err, &refused) && refused.Reason != xssh.Prohibited
		if !full || try == openTries || !pauseFor(ctx, pause) {
			return s, err
		}
		pause *= 2
	}
}

// openOnce has ctx in command although the library's own call has none.
func (l *link) openOnce(ctx context.Context) (*session, error) {
	select {
	case l.sessions <- struct{}{}:
	case <-l.lost:
		return nil, l.lostError(nil)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	type result struct {
		s   *xssh.Session
		err error
	}
	done := make(chan result, 1)
	go func() {
		s, err := l.client.NewSession()
		done <- result{s, err}
	}()
	select {
	case r := <-done:
		if r.err == nil {
			return &session{r.s, l}, nil
		}
		<-l.sessions
		return nil, l.openError(r.err)
	case <-l.lost:
		<-l.sessions
		return nil, l.lostError(nil)
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				_ = r.s.Close()
			}
			<-l.sessions
		}()
		return nil, context.Cause(ctx)
	}
}

// openError tells a server that refuses one more session from a connection
// that is gone but has not been missed yet.
func (l *link) openError(err error) error {
	var refused *xssh.OpenChannelError
	if errors.As(err, &refused) {
		return machine.WithHint(l.cfg.unreachable(machine.Lost, err), "sshd on %s refuses sessions: check MaxSessions and ForceCommand in its configuration", l.cfg.name())
	}
	l.end(err)
	return l.lostError(err)
}

// release gives the session's place to the next one.
func (s *session) release() { <-s.link.sessions }

// countedConn notes signs of life, and whether it was the peer that ended.
type countedConn struct {
	net.Conn
	reads  atomic.Int64
	ours   atomic.Bool // we closed it; errors after that say nothing
	broken atomic.Bool
}

// Read reads and counts.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.reads.Add(1)
	}
	if err != nil && !c.ours.Load() {
		c.broken.Store(true)
	}
	return n, err
}

// Close closes.
func (c *countedConn) Close() error {
	c.ours.Store(true)
	return c.Conn.Close()
}
