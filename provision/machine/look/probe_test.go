package look

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// enough is a time within which a server on this computer answers, in
// milliseconds.
const enough = 20_000

// newServer is a server that lets talk speak with everybody who connects.
func newServer(t *testing.T, talk func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				talk(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return l.Addr().String()
}

// says is a server that waits for a line and answers with text.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c) // so that nothing unread turns the end into a reset
	}
}

// silent is a server that says nothing until its peer goes.
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// speaks is a server that has the first word.
func speaks(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		silent(c)
	}
}

// tryOne tries one server.
func tryOne(t *testing.T, d Dial) DialAnswer {
	t.Helper()
	if d.Millis == 0 {
		d.Millis = enough
	}
	if err := d.check(); err != nil {
		t.Fatal(err)
	}
	return dials(t.Context(), []Dial{d})[0]
}

// wantOutcome fails the test unless it came to this, with these words.
func wantOutcome(t *testing.T, a DialAnswer, want Outcome, words string) {
	t.Helper()
	if a.Outcome != want || !strings.Contains(a.Err, words) || (a.Err == "") != (want == Answered) {
		t.Errorf("got %s, %q, wanted %s, %q", a.Outcome, a.Err, want, words)
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	wantOutcome(t, tryOne(t, Dial{Address: newServer(t, silent)}), Answered, "")
	wantOutcome(t, tryOne(t, Dial{Address: newServer(t, silent), HTTP: true, Millis: 50}), TimedOut, "timeout")
	wantOutcome(t, tryOne(t, Dial{Address: newServer(t, silent), TLS: true, Millis: 50}), TimedOut, "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, tryOne(t, Dial{Address: address}), Refused, "refused")
	wantOutcome(t, tryOne(t, Dial{Address: address, Source: "192.0.2.1"}), Broken, "assign requested address")
	var peer string
	server := newServer(t, func(c net.Conn) {
		peer, _, _ = net.SplitHostPort(c.RemoteAddr().String())
		_, _ = io.WriteString(c, "x")
	})
	if a := tryOne(t, Dial{Address: server, Source: "127.0.0.9", HTTP: true}); a.Outcome != NotHTTP || peer != "127.0.0.9" {
		t.Errorf("from %s: %+v", peer, a)
	}
}

func TestHTTPAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		talk    func(net.Conn)
		outcome Outcome
		status  int
		words   string
	}{
		"an answer":            {says("HTTP/1.1 204 No Content\r\n\r\n"), Answered, 204, ""},
		"no reason":            {says("HTTP/1.0 500\r\n\r\n"), Answered, 500, ""},
		"go on first":          {says("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Answered, 200, ""},
		"go on for ever":       {says(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9)), NotHTTP, 0, "never comes to an end"},
		"sshd":                 {speaks("SSH-2.0-OpenSSH_9.2\r\n"), NotHTTP, 0, "SSH-2.0"},
		"HTTP/2 only":          {speaks("\x00\x00\x06\x04\x00\x00\x00\x00\x00\n"), NotHTTP, 0, "not an HTTP answer"},
		"a long word":          {says("HTTP/1.1 2000 OK\r\n\r\n"), NotHTTP, 0, "2000"},
		"a header of no kind":  {says("HTTP/1.1 200 OK\r\nhello\r\n\r\n"), NotHTTP, 0, "hello"},
		"half a header":        {says("HTTP/1.1 200 OK\r\nServer: a"), Broken, 0, "read the header"},
		"no end":               {says("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", maxAnswer)), Broken, 0, "read the header"},
		"hangs up":             {says(""), Broken, 0, "closed without an answer"},
		"a TLS alert":          {says("\x15\x03\x01\x00\x02\x02\x0a"), WantsTLS, 0, "alert"},
		"a page of nginx":      {says("HTTP/1.1 400 Bad Request\r\n\r\n<h1>400 Bad Request</h1>The plain HTTP request was sent to HTTPS port"), WantsTLS, 400, "asks for HTTPS"},
		"a page of Apache":     {says("HTTP/1.1 400 Bad Request\r\n\r\nReason: You're speaking plain HTTP to an SSL-enabled server port.<br />"), WantsTLS, 400, "asks for HTTPS"},
		"an ordinary bad page": {says("HTTP/1.1 400 Bad Request\r\n\r\nno such host"), Answered, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := tryOne(t, Dial{Address: newServer(t, tt.talk), HTTP: true})
			wantOutcome(t, a, tt.outcome, tt.words)
			if a.Status != tt.status {
				t.Errorf("status %d", a.Status)
			}
		})
	}
}

func TestHTTPRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Server", "git\x1b[31m")
		w.Header().Set("X-Other", "x")
		w.Header().Set("Strict-Transport-Security", "max-age=300")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Add("Content-Security-Policy", "default-src 'self'")
		w.Header().Add("content-security-policy", "sandbox")
		http.Redirect(w, r, "/login", http.StatusFound)
	}))
	defer server.Close()
	a := tryOne(t, Dial{Address: server.Listener.Addr().String(), HTTP: true, Host: "git.example.org", Path: "/healthz?full=1"})
	wantOutcome(t, a, Answered, "")
	if got.Host != "git.example.org" || got.RequestURI != "/healthz?full=1" || got.Method != http.MethodGet {
		t.Errorf("asked for %s %s %s", got.Method, got.Host, got.RequestURI)
	}
	want := map[string]string{"Location": "/login", "Content-Security-Policy": "default-src 'self', sandbox", "Server": "git[31m", "Strict-Transport-Security": "max-age=300", "X-Content-Type-Options": "nosniff"}
	if a.Status != 302 || fmt.Sprint(a.Header) != fmt.Sprint(want) {
		t.Errorf("status %d, header %q", a.Status, a.Header)
	}
	if tryOne(t, Dial{Address: server.Listener.Addr().String(), HTTP: true}); got.Host != server.Listener.Addr().String() || got.RequestURI != "/" {
		t.Errorf("asked for %s %s", got.Host, got.RequestURI)
	}
}

// newTLS is an HTTPS server with a certificate for example.com and 127.0.0.1,
// and the CA to trust it by.
func newTLS(t *testing.T) (address string, ca []byte) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func TestTLSAnswers(t *testing.T) {
	t.Parallel()
	address, ca := newTLS(t)
	for name, tt := range map[string]struct {
		dial    Dial
		outcome Outcome
		status  int
		words   string
	}{
		"trusted":             {Dial{TLS: true, CA: ca, ServerName: "example.com"}, Answered, 0, ""},
		"trusted, by address": {Dial{TLS: true, CA: ca, HTTP: true}, Answered, 418, ""},
		"another name":        {Dial{TLS: true, CA: ca, ServerName: "git.example.org"}, BadCert, 0, "git.example.org"},
		"not trusted":         {Dial{TLS: true, ServerName: "example.com", HTTP: true}, BadCert, 0, "unknown authority"},
		"in the clear":        {Dial{HTTP: true}, WantsTLS, 400, "asks for HTTPS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.dial.Address = address
			a := tryOne(t, tt.dial)
			wantOutcome(t, a, tt.outcome, tt.words)
			if a.Status != tt.status {
				t.Errorf("status %d", a.Status)
			}
			if tt.dial.TLS && (a.Cert == nil || !slices.Contains(a.Cert.Names, "example.com") || !slices.Contains(a.Cert.Names, "127.0.0.1") || a.Cert.NotAfter == "" || a.Cert.Subject == "") {
				t.Errorf("certificate %+v", a.Cert)
			}
		})
	}
}

func TestServersThatAreNoTLS(t *testing.T) {
	t.Parallel()
	wantOutcome(t, tryOne(t, Dial{Address: newServer(t, speaks("SSH-2.0-OpenSSH_9.2\r\n")), TLS: true}), NotTLS, "SSH-2")
	wantOutcome(t, tryOne(t, Dial{Address: newServer(t, speaks("HTTP/1.1 400 Bad Request\r\n\r\n")), TLS: true, HTTP: true}), NotTLS, "HTTP/")
	wantOutcome(t, tryOne(t, Dial{Address: newServer(t, func(net.Conn) {}), TLS: true}), Broken, "")
	wantOutcome(t, tryOne(t, Dial{Address: newServer(t, speaks("\x15\x03\x03\x00\x02\x02\x28")), TLS: true}), Broken, "handshake failure")
}

// Some servers hang up without a word when they are not spoken to in TLS.
func TestSilentServerThatTakesTLS(t *testing.T) {
	t.Parallel()
	behind, _ := newTLS(t)
	address := newServer(t, func(c net.Conn) {
		first := make([]byte, 1)
		if _, err := io.ReadFull(c, first); err != nil || first[0] != 0x16 {
			_, _ = c.Read(make([]byte, 1024))
			return
		}
		to, err := net.Dial("tcp", behind)
		if err != nil {
			return
		}
		_, _ = to.Write(first)
		go func() {
			_, _ = io.Copy(to, c)
			_ = to.Close()
		}()
		_, _ = io.Copy(c, to)
	})
	a := tryOne(t, Dial{Address: address, HTTP: true})
	wantOutcome(t, a, WantsTLS, "takes TLS")
	if a.Cert == nil {
		t.Error("no certificate")
	}
}

func TestAllDialsAreTriedAtOnce(t *testing.T) {
	t.Parallel()
	const n = 20
	var all sync.WaitGroup
	all.Add(n)
	address := newServer(t, func(c net.Conn) {
		all.Done()
		all.Wait() // for all others
		says("HTTP/1.1 200 OK\r\n\r\n")(c)
	})
	for _, a := range dials(t.Context(), slices.Repeat([]Dial{{Address: address, HTTP: true, Millis: enough}}, n)) {
		wantOutcome(t, a, Answered, "")
	}
}

func TestDialsEndWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	address := newServer(t, func(c net.Conn) {
		_, _ = bufio.NewReader(c).ReadString('\n')
		cancel()
		silent(c)
	})
	if a := dials(ctx, []Dial{{Address: address, HTTP: true, Millis: 60_000}})[0]; a.Outcome == Answered || a.Err == "" || a.Millis >= 60_000 {
		t.Errorf("got %+v", a)
	}
}

func TestClientCertificateIsWanted(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	wantOutcome(t, tryOne(t, Dial{Address: server.Listener.Addr().String(), TLS: true, HTTP: true, CA: ca}), Broken, "certificate required")
}
