package node

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// offerTime is how long sshd may take to say what it offers: under emulation
// it takes seconds while the facts are gathered beside it.
const offerTime = 15 * time.Second

// Numbers of the SSH protocol (RFC 4253).
const (
	msgDisconnect   = 1
	msgKexInit      = 20
	byApplication   = 11
	maxBanner       = 255
	maxBannerLines  = 64
	maxPlainPacket  = 35000
	kexCookie       = 16
	kexLists        = 10
	smallestPadding = 4
)

// offer asks the running sshd for what it offers, where the operator came in.
// It is one connection without a login, which is ended as the protocol asks:
// sshd counts those who come and say nothing.
func (h Host) offer(ctx context.Context, s *facts.Session) (*facts.Offer, error) {
	if s == nil {
		return nil, errors.New("no SSH session tells where sshd listens")
	}
	ctx, cancel := context.WithTimeout(ctx, offerTime)
	defer cancel()
	address := net.JoinHostPort(s.ServerAddr, strconv.Itoa(s.ServerPort))
	dial := h.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to sshd: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, fmt.Errorf("bound the connection to sshd: %w", err)
		}
	}
	out, err := greet(conn)
	if err != nil {
		return nil, fmt.Errorf("ask sshd at %s what it offers: %w", address, err)
	}
	out.Address = address
	return out, nil
}

// greet speaks SSH up to the point at which the other side has told its algorithms.
func greet(conn io.ReadWriter) (*facts.Offer, error) {
	if _, err := io.WriteString(conn, "SSH-2.0-k3sedge-node\r\n"); err != nil {
		return nil, err
	}
	out, err := readOffer(bufio.NewReader(conn))
	if err != nil {
		return nil, err
	}
	_, err = conn.Write(goodbye())
	return out, err
}

// readOffer reads the banner and the KEXINIT packet. Other lines may stand
// before the banner.
func readOffer(r *bufio.Reader) (*facts.Offer, error) {
	for range maxBannerLines {
		line, err := readLine(r)
		if err != nil {
			return nil, fmt.Errorf("read its banner: %w", err)
		}
		if !strings.HasPrefix(line, "SSH-") {
			continue
		}
		payload, err := readPacket(r)
		if err != nil {
			return nil, fmt.Errorf("read its first packet: %w", err)
		}
		algorithms, err := parseKexInit(payload)
		return &facts.Offer{Banner: line, Algorithms: algorithms}, err
	}
	return nil, errors.New("it does not speak SSH")
}

func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) <= maxBanner {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b)
	}
	return "", errors.New("a line without an end")
}

// readPacket reads a packet as it is before any key is agreed on.
func readPacket(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length, padding := binary.BigEndian.Uint32(head[:4]), uint32(head[4])
	if length > maxPlainPacket || length < padding+1 {
		return nil, fmt.Errorf("a packet of %d bytes with %d of padding", length, padding)
	}
	body := make([]byte, length-1)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return body[:length-1-padding], nil
}

// parseKexInit reads the lists of a KEXINIT packet. Where both directions
// differ, what is offered in either counts.
func parseKexInit(payload []byte) (facts.Algorithms, error) {
	var none facts.Algorithms
	if len(payload) < 1+kexCookie || payload[0] != msgKexInit {
		return none, errors.New("the packet is no KEXINIT")
	}
	rest := payload[1+kexCookie:]
	var lists [kexLists][]string
	for i := range lists {
		list, after, ok := cutString(rest)
		if !ok {
			return none, errors.New("the KEXINIT packet ends early")
		}
		lists[i], rest = splitNames(string(list)), after
	}
	return facts.Algorithms{
		KeyExchanges: lists[0], HostKeys: lists[1],
		Ciphers: union(lists[2], lists[3]), MACs: union(lists[4], lists[5]),
	}, nil
}

// splitNames splits a list of names, which may be empty.
func splitNames(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(name string) bool { return name == "" })
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// goodbye is a DISCONNECT packet without a reason in words.
func goodbye() []byte {
	payload := []byte{msgDisconnect}
	payload = binary.BigEndian.AppendUint32(payload, byApplication)
	payload = append(payload, make([]byte, 8)...) // an empty message in no language
	return plainPacket(payload)
}

// plainPacket wraps a payload; the whole is a multiple of eight bytes.
func plainPacket(payload []byte) []byte {
	padding := smallestPadding
	for (5+len(payload)+padding)%8 != 0 {
		padding++
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	out = append(append(out, byte(padding)), payload...)
	return append(out, make([]byte, padding)...)
}
