package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestPortsAreRead(t *testing.T) {
	t.Parallel()
	got, err := parsePorts("22,80-82,65535")
	if err != nil || !slices.Equal(got, []uint16{22, 80, 81, 82, 65535}) {
		t.Errorf("%v, %v", got, err)
	}
	if all, err := parsePorts("1-65535"); err != nil || len(all) != 65535 {
		t.Errorf("%d ports, %v", len(all), err)
	}
	for _, wrong := range []string{"", "0", "5-4", "65536", "22,", "ssh"} {
		if got, err := parsePorts(wrong); err == nil {
			t.Errorf("%q: %v", wrong, got)
		}
	}
}

// listen opens a port on loopback and finds one that is shut.
func listen(t *testing.T, address string) (open, shut uint16) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	gone, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	port := func(a net.Addr) uint16 { return netip.MustParseAddrPort(a.String()).Port() }
	return port(l.Addr()), port(gone.Addr())
}

func TestBothWaysSeeTheSame(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "::1"} {
		open, shut := listen(t, address)
		a := netip.MustParseAddr(address)
		for _, byConnection := range []bool{false, true} {
			if _, _, err := knock(t.Context(), a, a, []uint16{open}); !byConnection && errors.Is(err, fs.ErrPermission) {
				continue // only root sends packets of its own making
			}
			ports := fmt.Sprintf("1-2048,%d,%d", open, shut)
			target := Target{Address: a, TCP: ports, UDP: []uint16{shut}, Connect: byConnection}
			s := Request{Targets: []Target{target}}.Ask(t.Context()).Seen[0]
			if s.Error != "" || s.Asked != 2051 || s.From != a || !slices.Contains(s.Open, open) || slices.Contains(s.Open, shut) || !slices.Contains(s.Refused, shut) {
				t.Errorf("%s, by connection %v: error %q, asked %d, from %s, open %v, %d refused", address, byConnection, s.Error, s.Asked, s.From, s.Open, len(s.Refused))
			}
			if !slices.Equal(s.UDPRefused, []uint16{shut}) {
				t.Errorf("%s: UDP refused %v", address, s.UDPRefused)
			}
		}
	}
}

func TestWhatWasPromisedIsAskedAgain(t *testing.T) {
	t.Parallel()
	open, _ := listen(t, "127.0.0.1")
	target := Target{Address: netip.MustParseAddr("127.0.0.1"), TCP: "1", Promised: []uint16{open}, Connect: true}
	if s := (Request{Targets: []Target{target}}).Ask(t.Context()).Seen[0]; !slices.Equal(s.Open, []uint16{open}) {
		t.Errorf("%+v", s)
	}
}

func TestALinkThatIsNotOurs(t *testing.T) {
	t.Parallel()
	target := Target{Address: netip.MustParseAddr("fe80::1"), Via: netip.MustParseAddr("240.0.0.1"), TCP: "22"}
	if s := (Request{Targets: []Target{target}}).Ask(t.Context()).Seen[0]; !s.OffLink || s.Error == "" {
		t.Errorf("%+v", s)
	}
}

func TestASYNHasARightChecksum(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"10.0.0.1", "fd00::1"} {
		a := netip.MustParseAddr(address)
		b := (&knocker{from: a, at: a, port: 61000, seq: 7}).syn(443)
		sum := add(add(add(0, a.AsSlice()), a.AsSlice())+6+uint32(len(b)), b)
		if fold(sum) != 0 || binary.BigEndian.Uint16(b[2:]) != 443 || b[13] != 2 {
			t.Errorf("%s: % x", address, b)
		}
	}
}

func TestOnlyOurAnswersCount(t *testing.T) {
	t.Parallel()
	k := &knocker{port: 61000, seq: 7}
	packet := func(to uint16, ack uint32) []byte {
		b := make([]byte, 20)
		binary.BigEndian.PutUint16(b, 443)
		binary.BigEndian.PutUint16(b[2:], to)
		binary.BigEndian.PutUint32(b[8:], ack)
		b[13] = 0x12
		return b
	}
	if port, flags, ours := k.answer(packet(61000, 8)); port != 443 || flags != 0x12 || !ours {
		t.Errorf("%d %x %v", port, flags, ours)
	}
	for name, b := range map[string][]byte{"another port": packet(61002, 8), "the upper half's": packet(61001, 8), "another connection": packet(61000, 9), "half": packet(61000, 8)[:19]} {
		if _, _, ours := k.answer(b); ours {
			t.Errorf("%s counts", name)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(make([]byte, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, ours := (&knocker{port: 61000, seq: 7}).answer(b); ours && len(b) < 20 {
			t.Errorf("% x", b)
		}
	})
}

func TestPagesAreAskedOfANode(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Host+r.URL.Path)
	}))
	defer server.Close()
	roots := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	node := netip.MustParseAddrPort(server.Listener.Addr().String())
	a := Request{Pages: []Page{
		{Node: node, Host: "example.com", Path: "/a", Roots: roots},
		{Node: node, Host: "example.com", Path: "/a", AnyChain: true},
		{Node: node, Host: "example.com", AnyChain: true, Handshake: true},
		{Node: node, Host: "example.com", Path: "/a"},
		{Node: node, Host: "other.test", Path: "/a", AnyChain: true},
	}}.Ask(t.Context())
	for i, p := range a.Pages[:2] {
		if p.Status != 200 || p.Header["X-Seen"] != "example.com/a" || p.Error != "" {
			t.Errorf("%d: %+v", i, p)
		}
	}
	if p := a.Pages[2]; p.Status != 0 || p.Error != "" {
		t.Errorf("a handshake: %+v", p)
	}
	for i, want := range map[int]string{3: "unknown authority", 4: "other.test"} {
		if p := a.Pages[i]; p.Status != 0 || !strings.Contains(p.Error, want) {
			t.Errorf("%d: %+v", i, p)
		}
	}
}

func TestTheProgramReadsAndWritesJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Main(t.Context(), `{"targets":[{"address":"127.0.0.1","tcp":"x"}]}`, &out); err != nil {
		t.Fatal(err)
	}
	var a Answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil || len(a.Seen) != 1 || a.Seen[0].Error == "" {
		t.Errorf("%v, %s", err, out.String())
	}
	if err := Main(t.Context(), "", &out); err == nil {
		t.Error("an empty request is none")
	}
}

func TestAFullSocketIsWaitedFor(t *testing.T) {
	t.Parallel()
	full := &net.OpError{Op: "write", Err: os.NewSyscallError("sendto", syscall.ENOBUFS)}
	tries, broken := 0, errors.New("broken")
	err := patiently(t.Context(), func() error {
		if tries++; tries < 3 {
			return full
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
	if err := patiently(t.Context(), func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("another error: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := patiently(ended, func() error { return full }); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
