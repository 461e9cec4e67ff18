package ssh

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/sshtest"
)

// newListener is a server on the host that takes connections and leaves them
// to the test.
func newListener(t *testing.T) (address string, accepted <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conns := make(chan net.Conn, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	return l.Addr().String(), conns
}

func TestHTTPSThroughTheHost(t *testing.T) {
	t.Parallel()
	h := newRig(t).host(t, quick())
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	for _, two := range []bool{false, true} {
		trust := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		transport := &http.Transport{
			DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return h.Dial(ctx, address) },
			TLSClientConfig:   &tls.Config{RootCAs: trust, ServerName: "example.com"},
			ForceAttemptHTTP2: two,
		}
		client := &http.Client{Transport: transport, Timeout: time.Minute}
		for range 3 {
			res, err := client.Post(server.URL, "text/plain", strings.NewReader("through"))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || string(body) != "through" || (res.ProtoMajor == 2) != two {
				t.Errorf("%s: %q, %v", res.Proto, body, err)
			}
			_ = res.Body.Close()
		}
		transport.CloseIdleConnections()
	}
}

func TestForwardingThatIsForbidden(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.server.RefuseForwarding(true)
	_, err := r.host(t, quick()).Dial(t.Context(), "127.0.0.1:6443")
	var refused *machine.DialError
	var hint interface{ Hint() string }
	if !errors.As(err, &refused) || refused.Reason != "administratively prohibited" {
		t.Fatalf("got %v", err)
	}
	if !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "AllowTcpForwarding") || !strings.Contains(hint.Hint(), "edge-1") {
		t.Errorf("no hint in %v", err)
	}
}

func TestTunnelOfALostConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	address, accepted := newListener(t)
	c, err := h.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	<-accepted
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	r.server.Drop()
	wantState(t, sshtest.Promptly(t, func() error { return <-ended }), machine.Lost)
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("a lost connection was written to")
	}
	if _, err := h.Dial(t.Context(), address); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

func TestTunnelEndsWithItsServer(t *testing.T) {
	t.Parallel()
	h := newRig(t).host(t, quick())
	address, accepted := newListener(t)
	c, err := h.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	if _, err := server.Write([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != "bye" {
		t.Errorf("got %q, %v", got, err)
	}
	sshtest.Eventually(t, "writing fails", func() bool {
		_, err := c.Write([]byte("x"))
		return err != nil
	})
}

// What was written is sent, and a server that takes nothing holds nobody up.
func TestCloseOfATunnel(t *testing.T) {
	t.Parallel()
	h := newRig(t).host(t, quick())
	address, accepted := newListener(t)
	c, err := h.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	if _, err := c.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(server); err != nil || string(got) != "last words" {
		t.Errorf("got %q, %v", got, err)
	}
	deaf, err := h.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	silent := <-accepted
	ended := make(chan error, 1)
	go func() {
		_, err := deaf.Write(make([]byte, 64<<20))
		ended <- err
	}()
	if err := sshtest.Promptly(t, deaf.Close); err != nil {
		t.Error(err)
	}
	if err := sshtest.Promptly(t, func() error { return <-ended }); err == nil {
		t.Error("64 MiB were taken")
	}
	_ = sshtest.Promptly(t, func() error { _, err := io.Copy(io.Discard, silent); return err })
}

func TestCancelOfADialWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := r.host(t, quick())
	if err := h.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.server.Freeze(true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := h.Dial(ctx, "127.0.0.1:6443")
		ended <- err
	}()
	cancel()
	if err := sshtest.Promptly(t, func() error { return <-ended }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	go func() {
		ended <- h.Upload(ctx, machine.Upload{Path: "/tmp/file", Mode: 0o600, SHA256: strings.Repeat("0", 64)})
	}()
	cancel()
	if err := sshtest.Promptly(t, func() error { return <-ended }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
