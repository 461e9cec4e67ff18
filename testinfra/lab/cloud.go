//go:build linux

package lab

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/k3sedge/k3sedge/testinfra/ca"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// Zone is the domain that the lab has at its Cloudflare.
const Zone = "lab.test"

// AcmeHost is the name of the lab's ACME server.
const AcmeHost = "acme.lab.test"

// Files of the lab's state.
const (
	caFile, caKeyFile     = "ca.pem", "ca-key.pem" // the authority behind all servers of the lab
	acmeFile, acmeKeyFile = "acme.pem", "acme-key.pem"
	cloudFile             = "cloudflare.json"
	cloudTokenFile        = "cloudflare-token"
)

// CAFile is where the certificate is that everybody in the lab trusts.
func (l *Lab) CAFile() string { return filepath.Join(l.state, caFile) }

// authority is the lab's CA, made once. The ACME server's own certificate
// lies beside it.
func (l *Lab) authority() (*ca.CA, error) {
	cert, err := os.ReadFile(l.CAFile())
	if err == nil {
		key, err := os.ReadFile(filepath.Join(l.state, caKeyFile))
		if err != nil {
			return nil, fmt.Errorf("read the lab's CA: %w", err)
		}
		return ca.Parse(cert, key)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the lab's CA: %w", err)
	}
	made, err := ca.New("k3sedge lab " + l.plan.name)
	if err != nil {
		return nil, err
	}
	cert, key, err := made.Encode()
	if err != nil {
		return nil, err
	}
	acme, acmeKey, err := made.Issue(AcmeHost, AcmeIP)
	if err != nil {
		return nil, err
	}
	// The certificate comes last: where it is, the rest is.
	for _, file := range []struct {
		name    string
		content []byte
	}{{acmeKeyFile, acmeKey}, {acmeFile, acme}, {caKeyFile, key}, {caFile, cert}} {
		if err := writeFile(filepath.Join(l.state, file.name), file.content, 0o600); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// cloudToken is the token of the lab's Cloudflare, made up once.
func (l *Lab) cloudToken() (string, error) {
	return l.secret(cloudTokenFile, func() string { return "lab_" + rand.Text() + rand.Text()[:14] })
}

// newCloud makes the stand-in for Cloudflare out of what an earlier daemon
// left. Its token has the rights that k3sedge asks its users for, and no other.
func (l *Lab) newCloud() (*fakecloudflare.Server, error) {
	authority, err := l.authority()
	if err != nil {
		return nil, err
	}
	token, err := l.cloudToken()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(l.state, cloudFile)
	state, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the state of Cloudflare's stand-in: %w", err)
	}
	grants := append(fakecloudflare.Grants(Zone, fakecloudflare.ZoneRead, fakecloudflare.DNSEdit),
		fakecloudflare.Grants(fakecloudflare.TestAccount, fakecloudflare.TunnelEdit)...)
	return fakecloudflare.New(fakecloudflare.Options{
		CA: authority, Address: netip.MustParseAddr(CloudflareIP), State: state,
		Zones:  []fakecloudflare.Zone{{Name: Zone}},
		Tokens: []fakecloudflare.Token{{Value: token, Grants: grants}},
		Hosts:  map[string][]netip.Addr{AcmeHost: {netip.MustParseAddr(AcmeIP)}},
		Save:   func(state []byte) error { return writeFile(path, state, 0o600) },
	})
}

// cloudDoors opens the ports of Cloudflare's stand-in.
func cloudDoors(s *fakecloudflare.Server) ([]service, error) {
	listeners := map[string]net.Listener{}
	for _, port := range []string{"443", wire.Port, "53"} {
		l, err := net.Listen("tcp4", net.JoinHostPort(CloudflareIP, port))
		if err != nil {
			return nil, fmt.Errorf("open port %s of Cloudflare's stand-in: %w", port, err)
		}
		listeners[port] = l
	}
	packets, err := net.ListenPacket("udp4", net.JoinHostPort(CloudflareIP, "53"))
	if err != nil {
		return nil, fmt.Errorf("open the name server's port: %w", err)
	}
	return []service{
		func(ctx context.Context) error { return s.ServeHTTPS(ctx, listeners["443"]) },
		func(ctx context.Context) error { return s.ServeConnectors(ctx, listeners[wire.Port]) },
		func(ctx context.Context) error { return s.ServeDNS(ctx, packets, listeners["53"]) },
	}, nil
}

// Cloudflare is what the lab may do with its Cloudflare behind everybody's back.
type Cloudflare struct{ lab *Lab }

// Cloudflare gives access to the switches of Cloudflare's stand-in.
func (l *Lab) Cloudflare() Cloudflare { return Cloudflare{l} }

// Order asks the stand-in's control handler (see [fakecloudflare.Server.Lab]);
// body and result may be nil.
func (c Cloudflare) Order(ctx context.Context, method, path string, body, result any) error {
	return c.lab.order(ctx, method, "/cloudflare"+path, body, result)
}

// Fault adds faults.
func (c Cloudflare) Fault(ctx context.Context, rules ...fakecloudflare.Fault) error {
	return c.Order(ctx, "POST", "/faults", rules, nil)
}

// ClearFaults removes all faults.
func (c Cloudflare) ClearFaults(ctx context.Context) error {
	return c.Order(ctx, "DELETE", "/faults", nil, nil)
}

// Calls lists the requests to the API since ForgetCalls.
func (c Cloudflare) Calls(ctx context.Context) ([]fakecloudflare.Call, error) {
	var out []fakecloudflare.Call
	return out, c.Order(ctx, "GET", "/calls", nil, &out)
}

// ForgetCalls empties that list.
func (c Cloudflare) ForgetCalls(ctx context.Context) error {
	return c.Order(ctx, "DELETE", "/calls", nil, nil)
}

// Records lists all records.
func (c Cloudflare) Records(ctx context.Context) ([]fakecloudflare.Record, error) {
	var out []fakecloudflare.Record
	return out, c.Order(ctx, "GET", "/records", nil, &out)
}

// AddRecord makes a record as somebody else would.
func (c Cloudflare) AddRecord(ctx context.Context, r fakecloudflare.Record) error {
	return c.Order(ctx, "POST", "/records", r, nil)
}

// Tunnels lists the tunnels with their status and rules.
func (c Cloudflare) Tunnels(ctx context.Context) ([]fakecloudflare.TunnelState, error) {
	var out []fakecloudflare.TunnelState
	return out, c.Order(ctx, "GET", "/tunnels", nil, &out)
}

// SetToken adds a token or replaces the one of the same value.
func (c Cloudflare) SetToken(ctx context.Context, t fakecloudflare.Token) error {
	return c.Order(ctx, "PUT", "/tokens", t, nil)
}

// Token is the value of the token that projects get.
func (c Cloudflare) Token() (string, error) { return c.lab.cloudToken() }

// Answers a shell user's order: the answer as it came.
func (c Cloudflare) raw(ctx context.Context, method, path, body string) (json.RawMessage, error) {
	var sent any
	if body != "" {
		if !json.Valid([]byte(body)) {
			return nil, errors.New("not JSON: " + strings.TrimSpace(body))
		}
		sent = json.RawMessage(body)
	}
	var out json.RawMessage
	return out, c.Order(ctx, method, path, sent, &out)
}
