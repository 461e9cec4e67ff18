package fakepve

import (
	"context"
	"net"
	"net/http"
)

// TB is what Start needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	TempDir() string
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Running is a stand-in that serves on loopback until its test ends.
type Running struct {
	*Server
	// URL is https://127.0.0.1:PORT, without a path.
	URL string
	// Token is the full value of the Authorization header for TestToken.
	Token string
	// Memory is the hypervisor, if the options named none.
	Memory *Memory
}

// The token of a stand-in that was started without an Access.
const (
	TestToken  = "k3sedge@pve!up"
	TestSecret = "00000000-0000-4000-8000-000000000001"
)

// TestAccess gives TestToken all rights of an administrator; privilege
// separation is off.
func TestAccess() Access {
	return Access{Users: []string{"k3sedge@pve"}, Tokens: []Token{{ID: TestToken, Secret: TestSecret}},
		Grants: []Grant{{Path: "/", Who: "k3sedge@pve", Role: administrator}}, Pools: []string{"k3sedge"}}
}

// Start serves a stand-in for a test. What the options leave out is chosen:
// a fresh state directory, TestAccess, a Memory.
func Start(t TB, o Options) *Running {
	t.Helper()
	r := &Running{Token: "PVEAPIToken=" + TestToken + "=" + TestSecret}
	if o.StateDir == "" {
		o.StateDir = t.TempDir()
	}
	if len(o.Access.Tokens) == 0 {
		o.Access = TestAccess()
	}
	if o.Hypervisor == nil && o.Disks == nil {
		r.Memory = NewMemory()
		o.Hypervisor, o.Disks = r.Memory, r.Memory
	}
	s, err := New(o)
	if err != nil {
		t.Fatalf("start fakepve: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start fakepve: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		<-done
		s.Close()
	})
	r.Server, r.URL = s, "https://"+l.Addr().String()
	return r
}

// Client trusts the stand-in's certificate and nothing else.
func (s *Server) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: s.clientTLS()}}
}
