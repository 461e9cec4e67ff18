package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// usualOffer is what the world's sshd says to anybody.
func usualOffer() facts.Algorithms {
	return facts.Algorithms{
		KeyExchanges: []string{"curve25519-sha256", "kex-strict-s-v00@openssh.com"}, HostKeys: []string{"ssh-ed25519"},
		Ciphers: []string{"aes256-gcm@openssh.com"}, MACs: []string{"hmac-sha2-256-etm@openssh.com"},
	}
}

// kexInit is the payload that says a.
func kexInit(a facts.Algorithms) []byte {
	out := append([]byte{msgKexInit}, make([]byte, kexCookie)...)
	for _, list := range [][]string{a.KeyExchanges, a.HostKeys, a.Ciphers, a.Ciphers, a.MACs, a.MACs, {"none"}, {"none"}, nil, nil} {
		names := strings.Join(list, ",")
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(names))), names...)
	}
	return append(out, 0, 0, 0, 0, 0)
}

// dial plays an sshd at every address.
func (w *world) dial(_ context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse["dial"] != "" {
		return nil, errors.New(w.refuse["dial"])
	}
	w.dialled = append(w.dialled, address)
	ours, theirs := net.Pipe()
	hello := append([]byte("a line before\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), plainPacket(kexInit(usualOffer()))...)
	go func() {
		defer theirs.Close()
		r := bufio.NewReader(theirs)
		if _, err := r.ReadString('\n'); err != nil {
			return
		}
		if _, err := theirs.Write(hello); err != nil {
			return
		}
		_, _ = readPacket(r) // what is said in parting
	}()
	return ours, nil
}

func TestOffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.host().offer(t.Context(), &facts.Session{ServerAddr: "fd00::1", ServerPort: 2222})
	if err != nil {
		t.Fatal(err)
	}
	want := usualOffer()
	if out.Banner != "SSH-2.0-OpenSSH_9.2p1 Debian-2" || out.Address != "[fd00::1]:2222" || !slices.Equal(out.KeyExchanges, want.KeyExchanges) ||
		!slices.Equal(out.HostKeys, want.HostKeys) || !slices.Equal(out.Ciphers, want.Ciphers) || !slices.Equal(out.MACs, want.MACs) {
		t.Errorf("%+v", out)
	}
	if _, err := w.host().offer(t.Context(), nil); err == nil {
		t.Error("no session, and an answer")
	}
	if !slices.Equal(w.dialled, []string{"[fd00::1]:2222"}) {
		t.Errorf("connections: %q", w.dialled)
	}
}

func TestGoodbyeIsADisconnect(t *testing.T) {
	t.Parallel()
	packet := goodbye()
	payload, err := readPacket(bytes.NewReader(packet))
	if err != nil || len(packet)%8 != 0 || payload[0] != msgDisconnect || len(payload) != 13 {
		t.Errorf("%x: %x, %v", packet, payload, err)
	}
}

// speech is a peer that says one thing and takes everything.
type speech struct {
	io.Reader
	heard bytes.Buffer
}

func (s *speech) Write(p []byte) (int, error) { return s.heard.Write(p) }

func TestAConnectionForTheOfferEndsAsTheProtocolAsks(t *testing.T) {
	t.Parallel()
	peer := &speech{Reader: strings.NewReader("SSH-2.0-x\r\n" + string(plainPacket(kexInit(usualOffer()))))}
	if _, err := greet(peer); err != nil {
		t.Fatal(err)
	}
	if want := "SSH-2.0-k3sedge-node\r\n" + string(goodbye()); peer.heard.String() != want {
		t.Errorf("it said %q, want %q", peer.heard.String(), want)
	}
}

func TestWhatIsNoOffer(t *testing.T) {
	t.Parallel()
	good := string(plainPacket(kexInit(usualOffer())))
	for name, said := range map[string]string{
		"nothing":          "",
		"half a banner":    "SSH-2.0-x",
		"a long line":      strings.Repeat("x", 300) + "\n",
		"many lines":       strings.Repeat("x\n", 100) + "SSH-2.0-x\r\n" + good,
		"no packet":        "SSH-2.0-x\r\n",
		"a huge packet":    "SSH-2.0-x\r\n\xff\xff\xff\xff\x04",
		"only padding":     "SSH-2.0-x\r\n\x00\x00\x00\x04\x08xxxx",
		"half a packet":    "SSH-2.0-x\r\n" + good[:40],
		"another packet":   "SSH-2.0-x\r\n" + string(goodbye()),
		"too few lists":    "SSH-2.0-x\r\n" + string(plainPacket(kexInit(usualOffer())[:60])),
		"an empty payload": "SSH-2.0-x\r\n" + string(plainPacket(nil)),
	} {
		if out, err := greet(&speech{Reader: strings.NewReader(said)}); err == nil {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

func FuzzReadOffer(f *testing.F) {
	f.Add([]byte("hello\r\nSSH-2.0-x\r\n" + string(plainPacket(kexInit(usualOffer())))))
	f.Add([]byte("SSH-2.0-x\n\x00\x00\x00\x04\x08xxxx"))
	f.Fuzz(func(t *testing.T, said []byte) {
		out, err := readOffer(bufio.NewReader(bytes.NewReader(said)))
		if err != nil {
			return
		}
		for _, list := range [][]string{out.KeyExchanges, out.HostKeys, out.Ciphers, out.MACs} {
			for _, name := range list {
				if name == "" || strings.Contains(name, ",") {
					t.Errorf("a name %q", name)
				}
			}
		}
		again, err := parseKexInit(kexInit(out.Algorithms))
		if err != nil || !slices.Equal(again.KeyExchanges, out.KeyExchanges) || !slices.Equal(again.HostKeys, out.HostKeys) {
			t.Errorf("%+v reads again as %+v, %v", out, again, err)
		}
	})
}
