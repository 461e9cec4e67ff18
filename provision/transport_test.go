package provision

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const (
	canary  = "canary-5f1e-token-secret"
	tokenID = "k3sedge@pve!edge"
)

// hintOf returns what the user is told to do about err, of all its parts.
func hintOf(err error) string {
	var out []string
	for err != nil {
		if h, ok := err.(interface{ Hint() string }); ok {
			out = append(out, h.Hint())
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				out = append(out, hintOf(e))
			}
			break
		}
		err = errors.Unwrap(err)
	}
	return strings.Join(out, "\n")
}

// noSecret fails when the token's secret can be read in err.
func noSecret(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), hintOf(err)} {
		if strings.Contains(text, canary) {
			t.Errorf("the token's secret is shown: %s", text)
		}
	}
}

// serve starts a server and a client that pins it and waits only a little.
func serve(t *testing.T, h http.HandlerFunc) *client {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	return clientFor(t, inventory.Proxmox{Endpoint: s.URL, TLSPin: spkiPin(s.Certificate())})
}

func clientFor(t *testing.T, p inventory.Proxmox) *client {
	t.Helper()
	p.Node, p.Pool = "pve", "k3sedge"
	p.Token.ID = tokenID
	c, err := newClient(p, inventory.NewSecret(canary))
	if err != nil {
		t.Fatal(err)
	}
	c.transport.pauses = []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
	return c
}

// answer writes what pveproxy writes: the reason in the status line.
func answer(w http.ResponseWriter, status int, reason, body string) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(buffered, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n%s", status, reason, len(body), body)
	_ = buffered.Flush()
}

func TestErrorsKeepWhatProxmoxSays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		status       int
		reason, body string
		want, hint   []string
	}{
		{"wrong token", 401, "no such token 'edge' for user 'k3sedge@pve'", `{"data":null}`, []string{"401", "no such token"}, []string{"provider.proxmox.token", tokenID}},
		{"secret in the answer", 401, "invalid token value " + canary, "", []string{"invalid token value ***"}, nil},
		{"missing privilege", 403, "Permission check failed (/vms/9000, VM.Clone)", `{"message":"Permission check failed (/vms/9000, VM.Clone)\n"}`,
			[]string{"403", "/vms/9000", "VM.Clone"}, []string{"pveum acl modify /pool/k3sedge", "VM.Clone", "--tokens '" + tokenID + "'"}},
		{"privilege in the body only", 403, "Forbidden", `{"message":"Permission check failed (/storage/local, Datastore.Audit|Datastore.AllocateSpace)"}`,
			[]string{"/storage/local"}, []string{"pveum acl modify /storage/local", "Datastore.Audit or Datastore.AllocateSpace"}},
		{"parameters", 400, "Parameter verification failed.", `{"errors":{"memory":"value must be at least 16","name":"invalid format"},"data":null}`,
			[]string{"400", "memory: value must be at least 16", "name: invalid format"}, nil},
		{"message of a 500", 500, "unable to create VM 9001 - VM 9001 already exists on node 'pve'", `{"data":null}`, []string{"already exists"}, nil},
		{"not implemented", 501, "Method 'POST /x' not implemented", ``, []string{"501", "not implemented"}, nil},
		{"node does not answer", 595, "Errors during connection establishment, proxy handshake: Connection refused", ``, []string{"595", "Connection refused"}, []string{"provider.proxmox.node"}},
		{"daemon hangs", 596, "Connection timed out", ``, []string{"596"}, []string{"provider.proxmox.node"}},
		{"lock", 500, "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout", ``, []string{"got timeout"}, []string{"lock"}},
		{"a page of a proxy", 502, "Bad Gateway", `<html>nginx</html>`, []string{"502", "nginx"}, nil},
		{"redirect", 302, "Found", ``, []string{"302"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, tt.status, tt.reason, tt.body) })
			_, err := c.post(t.Context(), Options{"a": 1}, "/nodes/pve/qemu")
			noSecret(t, err)
			var api *APIError
			if !errors.As(err, &api) || api.Status != tt.status || api.Path != "/nodes/pve/qemu" {
				t.Fatalf("error is %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			for _, want := range tt.hint {
				if !strings.Contains(hintOf(err), want) {
					t.Errorf("hint %q lacks %q", hintOf(err), want)
				}
			}
		})
	}
}

func TestWrongPinShowsBoth(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	right := spkiPin(s.Certificate())
	wrong := "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	_, err := clientFor(t, inventory.Proxmox{Endpoint: s.URL, TLSPin: wrong}).Version(t.Context())
	noSecret(t, err)
	var pin *PinError
	if !errors.As(err, &pin) || pin.Want != wrong || pin.Got != right {
		t.Fatalf("error is %v", err)
	}
	if !strings.Contains(hintOf(err), "pvenode cert info") || !strings.Contains(hintOf(err), "tlsPin") {
		t.Errorf("hint is %q", hintOf(err))
	}
}

func TestServerPinIsTheOneThatIsAccepted(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"data":{"version":"9.0.3","release":"9.0"}}`)
	}))
	t.Cleanup(s.Close)
	id, err := ServerPin(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if len(id.LeafSHA256) != 95 || strings.Count(id.LeafSHA256, ":") != 31 || id.NotAfter.IsZero() || id.Subject == "" {
		t.Errorf("identity is %+v", id)
	}
	if v, err := clientFor(t, inventory.Proxmox{Endpoint: s.URL, TLSPin: id.Pin}).Version(t.Context()); err != nil || v != "9.0.3" {
		t.Errorf("version %q, %v", v, err)
	}
}

func TestCAFile(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"data":{"version":"8.4.1"}}`)
	}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := clientFor(t, inventory.Proxmox{Endpoint: s.URL, CAFile: file}).Version(t.Context()); err != nil || v != "8.4.1" {
		t.Errorf("version %q, %v", v, err)
	}
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	_, err := clientFor(t, inventory.Proxmox{Endpoint: byName, CAFile: file}).Version(t.Context())
	if err == nil || !strings.Contains(hintOf(err), "provider.proxmox.endpoint") {
		t.Errorf("wrong name: %v (%s)", err, hintOf(err))
	}
}

func TestTrustMustBeNamed(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]inventory.Proxmox{
		"nothing":      {Endpoint: "https://pve.lan:8006"},
		"no base64":    {Endpoint: "https://pve.lan:8006", TLSPin: "sha256/???"},
		"no prefix":    {Endpoint: "https://pve.lan:8006", TLSPin: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		"no file":      {Endpoint: "https://pve.lan:8006", CAFile: "/nonexistent"},
		"plain http":   {Endpoint: "http://pve.lan:8006", CAFile: "/nonexistent"},
		"with a path":  {Endpoint: "https://pve.lan:8006/api2", CAFile: "/nonexistent"},
		"not a URL":    {Endpoint: "https://pve lan", CAFile: "/nonexistent"},
		"no such CA":   {Endpoint: "https://pve.lan:8006", CAFile: os.DevNull},
		"with a login": {Endpoint: "https://me@pve.lan:8006", CAFile: os.DevNull},
	} {
		if _, err := newClient(p, inventory.NewSecret(canary)); err == nil || hintOf(err) == "" {
			t.Errorf("%s: error %v, hint %q", name, err, hintOf(err))
		}
	}
}

func TestReadsAreRepeatedAndChangesAreNot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		method string
		status int
		reason string
		want   int32
	}{
		{"500 on a read", "GET", 500, "broken", 4},
		{"596 on a read", "GET", 596, "Connection timed out", 4},
		{"absent on a read", "GET", 500, "storage 'x' does not exist", 1},
		{"403 on a read", "GET", 403, "Permission check failed", 1},
		{"500 on a change", "POST", 500, "broken", 1},
		{"596 on a change", "POST", 596, "Connection timed out", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				answer(w, tt.status, tt.reason, "")
			})
			var err error
			if tt.method == "GET" {
				_, err = c.VMConfig(t.Context(), 9001)
			} else {
				_, err = c.Start(t.Context(), 9001)
			}
			if err == nil || calls.Load() != tt.want {
				t.Errorf("%d calls, want %d; %v", calls.Load(), tt.want, err)
			}
		})
	}
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	var reads, writes atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			writes.Add(1)
		} else if reads.Add(1) == 3 {
			_, _ = fmt.Fprint(w, `{"data":{"version":"9.1"}}`)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if reads.Load() == 2 { // half an answer
			_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":")
		}
		_ = conn.Close()
	})
	if v, err := c.Version(t.Context()); err != nil || v != "9.1" {
		t.Errorf("a read was not repeated: %q, %v", v, err)
	}
	_, err := c.Start(t.Context(), 9001)
	if machine.StateOf(err) != machine.Lost || writes.Load() != 1 || !strings.Contains(hintOf(err), "again") {
		t.Errorf("%d writes, %v, hint %q", writes.Load(), err, hintOf(err))
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	c := clientFor(t, inventory.Proxmox{Endpoint: "https://" + address, TLSPin: "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="})
	for name, ask := range map[string]func(context.Context) error{
		"read":  func(ctx context.Context) error { _, err := c.Version(ctx); return err },
		"write": func(ctx context.Context) error { _, err := c.Start(ctx, 1); return err },
	} {
		if err := ask(t.Context()); machine.StateOf(err) != machine.Refused || !strings.Contains(hintOf(err), "provider.proxmox.endpoint") {
			t.Errorf("%s: %v (%s)", name, err, hintOf(err))
		}
	}
	if _, err := ServerPin(t.Context(), "https://"+address); machine.StateOf(err) != machine.Refused {
		t.Errorf("pin: %v", err)
	}
}

func TestAnswerThatNeverComes(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	c.transport.limit = 20 * time.Millisecond
	c.transport.pauses = nil
	if _, err := c.Version(t.Context()); machine.StateOf(err) != machine.Timeout {
		t.Errorf("limit: %v", err)
	}
	c.transport.limit = time.Hour
	stop := errors.New("ctrl-c")
	for name, ask := range map[string]func(context.Context) error{
		"read":   func(ctx context.Context) error { _, err := c.Version(ctx); return err },
		"upload": func(ctx context.Context) error { _, err := c.Upload(ctx, "local", "x.iso", []byte("x")); return err },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Millisecond, func() { cancel(stop) })
		if err := ask(ctx); !errors.Is(err, stop) {
			t.Errorf("%s: cancelled: %v", name, err)
		}
	}
}

// dialling is a network in which an address answers or does not.
type dialling struct{ answers, asked int }

// RoundTrip answers as long as there are answers.
func (d *dialling) RoundTrip(*http.Request) (*http.Response, error) {
	d.asked++
	if d.answers--; d.answers < 0 {
		return nil, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// TestWrongAddressIsToldAtOnce: every attempt at an address that nobody has
// takes seconds.
func TestWrongAddressIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for answers, asked := range map[int]int{0: 1, 1: 1 + 3} {
		network := &dialling{answers: answers}
		tr := &transport{base: network, limit: time.Minute, pauses: []time.Duration{0, 0}, secrets: strings.NewReplacer()}
		var err error
		for range answers + 1 {
			_, err = tr.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil))
		}
		if machine.StateOf(err) != machine.NoRoute || network.asked != asked {
			t.Errorf("after %d answers: asked %d times, %v", answers, network.asked, err)
		}
	}
}
