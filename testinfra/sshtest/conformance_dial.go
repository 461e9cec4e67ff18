package sshtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// echo is a server on the host that sends back what it gets; perl is on every
// Debian. It tells its port and its process in a file.
const echo = `
$SIG{CHLD} = "IGNORE";
$server = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die;
open F, ">", "$ARGV[0].part"; print F $server->sockport, " $$"; close F;
rename "$ARGV[0].part", $ARGV[0];
while ($c = $server->accept) {
	if (fork) { close $c; next }
	close $server;
	while (sysread $c, $b, 65536) { syswrite $c, $b }
	exit;
}`

// dialer returns the host as one that opens connections, and the address of an
// echo server on it.
func (s suite) dialer(t *testing.T) (machine.Dialer, string) {
	t.Helper()
	h := s.host(t)
	d, ok := h.(machine.Dialer)
	if !ok {
		t.Skip("not a Dialer")
	}
	dir := strings.TrimSpace(run(t, h, machine.Command{Argv: []string{"mktemp", "-d"}}))
	t.Cleanup(func() { succeeds(h, "rm", "-rf", "--", dir) })
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() {
		_, _ = h.Run(ctx, machine.Command{Argv: []string{"perl", "-MIO::Socket::INET", "-e", echo, dir + "/port"}})
	}()
	var port, pid string
	Eventually(t, "the server listens", func() bool {
		out, err := h.Run(t.Context(), machine.Command{Argv: []string{"cat", dir + "/port"}})
		port, pid, _ = strings.Cut(string(out.Stdout), " ")
		return err == nil
	})
	// By hand: sshd hands no signals on to a command of root's.
	t.Cleanup(func() { succeeds(h, "kill", pid) })
	return d, net.JoinHostPort("127.0.0.1", port)
}

// connect opens a connection that is closed with the test.
func connect(t *testing.T, d machine.Dialer, address string) net.Conn {
	t.Helper()
	c, err := d.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s suite) dial(t *testing.T) {
	d, address := s.dialer(t)
	content := largeFile()
	for range 2 {
		c := connect(t, d, address)
		go func() { _, _ = c.Write(content) }()
		got := make([]byte, len(content))
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%v, or other bytes came back", err)
		}
		if c.RemoteAddr().String() != address || c.RemoteAddr().Network() != "tcp" {
			t.Errorf("it is to %s", c.RemoteAddr())
		}
	}
}

func (s suite) dialDeadline(t *testing.T) {
	d, address := s.dialer(t)
	c := connect(t, d, address)
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v", err)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := c.Write([]byte("more")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "more" {
		t.Errorf("after a deadline: %q, %v", got, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(got)
		ended <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := Promptly(t, func() error { return <-ended }); err == nil {
		t.Error("a closed connection was read")
	}
}

func (s suite) dialRefused(t *testing.T) {
	h := s.host(t)
	d, ok := h.(machine.Dialer)
	if !ok {
		t.Skip("not a Dialer")
	}
	var refused *machine.DialError
	if _, err := d.Dial(t.Context(), "127.0.0.1:1"); !errors.As(err, &refused) || refused.Reason != "Connection refused" || refused.Address != "127.0.0.1:1" {
		t.Errorf("got %v", err)
	}
	if _, err := d.Dial(t.Context(), "127.0.0.1"); err == nil || errors.As(err, &refused) {
		t.Errorf("an address without a port: %v", err)
	}
	run(t, h, machine.Command{Argv: []string{"true"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Dial(ctx, "127.0.0.1:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}
