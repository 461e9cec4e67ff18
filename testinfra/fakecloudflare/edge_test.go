package fakecloudflare

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// visit asks the edge for a host without a connector in the way.
func visit(t *testing.T, r *Running, host string, change func(*http.Request)) (int, string) {
	t.Helper()
	config := r.clientTLS()
	config.ServerName = host
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+r.Edge+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	if change != nil {
		change(req)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestTheEdgesCertificates(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{Zones: []Zone{{Name: TestZone}, {Name: "sleeps.test", Status: "pending"}}})
	for host, ok := range map[string]bool{
		TestZone: true, "a.lab.test": true, "a.b.lab.test": false, "sleeps.test": false, "www.example.com": false,
		APIHost: true, "localhost": true,
	} {
		config := r.clientTLS()
		config.ServerName = host
		conn, err := tls.Dial("tcp", r.Edge, config)
		if (err == nil) != ok {
			t.Errorf("%s: %v", host, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

func TestWhatTheEdgeSaysByItself(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	tunnel, _, err := r.AddTunnel(TestAccount, "edge", "cloudflare")
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range []Record{
		{Name: "up.lab.test", Type: "CNAME", Content: tunnel.ID + tunnelDomain, Proxied: true},
		{Name: "lost.lab.test", Type: "CNAME", Content: newUUID() + tunnelDomain, Proxied: true},
		{Name: "grey.lab.test", Type: "A", Content: "10.77.0.11"},
		{Name: "origin.lab.test", Type: "A", Content: "192.0.2.1", Proxied: true},
	} {
		if _, err := r.AddRecord(rec); err != nil {
			t.Fatal(err)
		}
	}
	for host, want := range map[string]string{
		"up.lab.test": "error code: 1033", "lost.lab.test": "error code: 1033", "none.lab.test": "error code: 1001", "grey.lab.test": "error code: 1001",
		"origin.lab.test": "not taught reaching the origin",
	} {
		if _, body := visit(t, r, host, nil); !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s", host, body, want)
		}
	}
	if _, err := r.PretendConnector(tunnel.ID); err != nil {
		t.Fatal(err)
	}
	if status, _ := visit(t, r, "up.lab.test", nil); status != http.StatusBadGateway {
		t.Errorf("a connector that is not there: %d", status)
	}
	for name, test := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"web socket": {func(req *http.Request) {
			req.Header.Set("Upgrade", "websocket")
			req.Header.Set("Connection", "Upgrade")
		}, http.StatusNotImplemented},
		"other host": {func(req *http.Request) { req.Host = "grey.lab.test" }, http.StatusMisdirectedRequest},
		"large body": {func(req *http.Request) {
			req.Method, req.Body, req.ContentLength = "POST", io.NopCloser(io.LimitReader(zeros{}, bodyMax+1)), bodyMax+1
			req.Header.Set("Expect", "100-continue") // the answer comes before the body
		}, http.StatusRequestEntityTooLarge},
	} {
		if status, body := visit(t, r, "up.lab.test", test.change); status != test.status {
			t.Errorf("%s: %d %s, want %d", name, status, body, test.status)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestConnectorsThatSayNothingSensible(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	dial := func() *tls.Conn {
		t.Helper()
		config := r.clientTLS()
		config.ServerName = wire.ServerName
		conn, err := tls.Dial("tcp", r.Connectors, config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	nonsense := dial()
	if _, err := nonsense.Write([]byte("GET / HTTP/1.1\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := nonsense.Read(make([]byte, 1)); err == nil {
		t.Error("nonsense is answered")
	}
	stranger := dial()
	if err := wire.Write(stranger, wire.Hello{Token: wire.Token{Account: "a", Tunnel: "t", Secret: []byte("s")}}); err != nil {
		t.Fatal(err)
	}
	var welcome wire.Welcome
	if err := wire.Read(stranger, &welcome); err != nil || !strings.Contains(welcome.Refused, "Tunnel not found") {
		t.Errorf("%+v, %v", welcome, err)
	}
}
