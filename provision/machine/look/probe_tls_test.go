package look

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// tlsServer is an HTTPS server that takes what c allows.
func tlsServer(t *testing.T, c *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = c
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestWhatAServerTakes(t *testing.T) {
	t.Parallel()
	sound := tlsServer(t, &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}})
	old := tlsServer(t, &tls.Config{MinVersion: tls.VersionTLS10})
	weak := tlsServer(t, &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}})
	strict := tlsServer(t, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		return nil, errors.New("nobody has " + h.ServerName)
	}})
	for name, tt := range map[string]struct {
		dial        Dial
		tls, alert  string
		suitePrefix string
	}{
		"current":                 {Dial{Address: sound}, "TLS 1.3", "", "TLS_"},
		"old, refused":            {Dial{Address: sound, Old: true}, "", "protocol version", ""},
		"weak, refused":           {Dial{Address: sound, Weak: true}, "", "handshake failure", ""},
		"old, taken":              {Dial{Address: old, Old: true}, "TLS 1.1", "", "TLS_ECDHE_RSA_WITH_AES_"},
		"without forward secrecy": {Dial{Address: weak, Weak: true}, "TLS 1.2", "", "TLS_RSA_"},
		"a name of nobody":        {Dial{Address: strict}, "", "internal error", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.dial.TLS, tt.dial.AnyCert = true, true
			a := tryOne(t, tt.dial)
			if a.TLS != tt.tls || !strings.HasPrefix(a.Suite, tt.suitePrefix) || !strings.Contains(a.Alert, tt.alert) || (a.Alert == "") != (tt.alert == "") {
				t.Errorf("got %+v", a)
			}
			if want := map[bool]Outcome{true: Answered, false: Broken}[tt.tls != ""]; a.Outcome != want {
				t.Errorf("outcome %s, wanted %s", a.Outcome, want)
			}
		})
	}
}

func TestTheTimesOfAChain(t *testing.T) {
	t.Parallel()
	at := func(day int) time.Time { return time.Date(2027, 1, day, 0, 0, 0, 0, time.UTC) }
	chain := []*x509.Certificate{{NotBefore: at(1), NotAfter: at(9)}, {NotAfter: at(8)}, {NotAfter: at(7)}, {NotAfter: at(20)}}
	if c := certOf(chain); c.NotBefore != "2027-01-01T00:00:00Z" || c.NotAfter != "2027-01-09T00:00:00Z" || c.ChainEnd != "2027-01-07T00:00:00Z" {
		t.Errorf("got %+v", c)
	}
	if c := certOf(chain[:1]); c.ChainEnd != "" {
		t.Errorf("one alone: %+v", c)
	}
}
