package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/judges"
)

// How long the prober waits for one answer, and for one that was promised.
const (
	patience     = 1500 * time.Millisecond
	longPatience = 10 * time.Second
	atOnce       = 2048
	mostDoubted  = 64
)

// Request is everything that one place is to ask.
type Request struct {
	Targets []Target `json:"targets,omitempty"`
	Pages   []Page   `json:"pages,omitempty"`
}

// Target is one address and the ports to ask there.
type Target struct {
	Address netip.Addr `json:"address"`
	// Via is an address on the link of a link-local one, which says nothing of
	// its interface by itself.
	Via netip.Addr `json:"via,omitzero"`
	TCP string     `json:"tcp"` // as in 22,80,1-1024
	UDP []uint16   `json:"udp,omitempty"`
	// Promised are TCP ports that should answer: what seems shut among them is
	// asked again, with more patience.
	Promised []uint16 `json:"promised,omitempty"`
	// Connect opens connections whatever the rights.
	Connect bool `json:"connect,omitempty"`
}

// Answer is what was seen, in the order of the request.
type Answer struct {
	Seen  []Seen  `json:"seen,omitempty"`
	Pages []Shown `json:"pages,omitempty"`
}

// Seen is what one address said. Ports that are in no list are silent.
type Seen struct {
	Address    netip.Addr `json:"address"`
	From       netip.Addr `json:"from,omitzero"`
	Asked      int        `json:"asked"` // ports
	Open       []uint16   `json:"open,omitempty"`
	Refused    []uint16   `json:"refused,omitempty"`
	UDPOpen    []uint16   `json:"udpOpen,omitempty"`
	UDPRefused []uint16   `json:"udpRefused,omitempty"`
	// Error says why nothing was seen. OffLink is that of a link-local address
	// that is on no link of ours.
	Error   string `json:"error,omitempty"`
	OffLink bool   `json:"offLink,omitempty"`
}

// errOffLink is a link-local address on a link that is not ours.
var errOffLink = errors.New("not on a link of this machine")

// Main is the whole program: a request as JSON in, the answer as JSON out.
func Main(ctx context.Context, request string, out io.Writer) error {
	var r Request
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	return json.NewEncoder(out).Encode(r.Ask(ctx))
}

// Ask asks everything, at the same time.
func (r Request) Ask(ctx context.Context) Answer {
	a := Answer{Seen: make([]Seen, len(r.Targets)), Pages: make([]Shown, len(r.Pages))}
	var wg sync.WaitGroup
	for i, t := range r.Targets {
		wg.Go(func() {
			a.Seen[i] = Seen{Address: t.Address}
			if err := t.ask(ctx, &a.Seen[i]); err != nil {
				a.Seen[i].Error, a.Seen[i].OffLink = err.Error(), errors.Is(err, errOffLink)
			}
		})
	}
	for i, p := range r.Pages {
		wg.Go(func() { a.Pages[i] = p.ask(ctx) })
	}
	wg.Wait()
	return a
}

func (t Target) ask(ctx context.Context, s *Seen) error {
	ports, err := parsePorts(t.TCP)
	if err != nil {
		return err
	}
	at, from, err := t.way()
	if err != nil {
		return err
	}
	s.From, s.Asked = from.WithZone(""), len(ports)+len(t.UDP)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.askUDP(ctx, at, t.UDP) })
	if t.Connect {
		err = fs.ErrPermission
	} else {
		s.Open, s.Refused, err = knock(ctx, from, at, ports)
	}
	if errors.Is(err, fs.ErrPermission) {
		s.Open, s.Refused, err = connect(ctx, at, ports, patience)
	}
	if err != nil {
		return err
	}
	if err := t.confirm(ctx, at, from, s); err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(t.Promised), func(p uint16) bool { return slices.Contains(s.Open, p) })
	found, _, err := connect(ctx, at, missing, longPatience)
	s.Open = append(s.Open, found...)
	s.Refused = slices.DeleteFunc(s.Refused, func(p uint16) bool { return slices.Contains(found, p) })
	slices.Sort(s.Open)
	slices.Sort(s.Refused)
	return err
}

// confirm asks again where a port answers that should not. Nodes that knock at
// one another leave traces in their firewalls: what goes to the port that the
// other asks from looks like an answer to it. It asks our upper ports from one
// port and the lower ones from another, and knock asks from an upper port, so
// that of these two only one seems to answer, and not if asked from a lower port.
func (t Target) confirm(ctx context.Context, at, from netip.Addr, s *Seen) error {
	var doubted []uint16
	for _, p := range slices.Concat(s.Open, s.Refused) {
		if !slices.Contains(t.Promised, p) {
			doubted = append(doubted, p)
		}
	}
	if t.Connect || len(doubted) == 0 || len(doubted) > mostDoubted {
		return nil // so many are no accident
	}
	silent := map[uint16]bool{}
	for _, p := range doubted {
		local := &net.TCPAddr{IP: from.AsSlice(), Zone: from.Zone(), Port: 20000 + rand.IntN(10000)}
		within, cancel := context.WithTimeout(ctx, patience)
		conn, err := (&net.Dialer{LocalAddr: local}).DialContext(within, "tcp", netip.AddrPortFrom(at, p).String())
		cancel()
		if err == nil {
			_ = conn.Close() // it has answered
		}
		var late net.Error
		silent[p] = errors.As(err, &late) && late.Timeout()
	}
	s.Open = slices.DeleteFunc(s.Open, func(p uint16) bool { return silent[p] })
	s.Refused = slices.DeleteFunc(s.Refused, func(p uint16) bool { return silent[p] })
	return ctx.Err()
}

// askUDP knows a port that is let through from one that is dropped by what it
// says: a server's answer, or the kernel's word that there is none.
func (s *Seen) askUDP(ctx context.Context, at netip.Addr, ports []uint16) {
	var all []judges.Port
	for _, p := range ports {
		all = append(all, judges.Port{Network: "udp", Number: p})
	}
	for p, answer := range (judges.Prober{Patience: patience, AtOnce: atOnce}).Probe(ctx, at, all) {
		switch answer {
		case judges.Open:
			s.UDPOpen = append(s.UDPOpen, p.Number)
		case judges.Refused:
			s.UDPRefused = append(s.UDPRefused, p.Number)
		}
	}
	slices.Sort(s.UDPOpen)
	slices.Sort(s.UDPRefused)
}

// connect opens connections, as anybody may.
func connect(ctx context.Context, at netip.Addr, ports []uint16, patience time.Duration) (open, refused []uint16, err error) {
	var all []judges.Port
	for _, p := range ports {
		all = append(all, judges.Port{Network: "tcp", Number: p})
	}
	for p, answer := range (judges.Prober{Patience: patience, AtOnce: atOnce}).Probe(ctx, at, all) {
		switch answer {
		case judges.Open:
			open = append(open, p.Number)
		case judges.Refused:
			refused = append(refused, p.Number)
		}
	}
	return open, refused, ctx.Err()
}

// way finds out where packets to the target come from, and for a link-local
// address by which interface they go.
func (t Target) way() (at, from netip.Addr, err error) {
	at = t.Address
	if at.IsLinkLocalUnicast() && at.Is6() && at.Zone() == "" {
		zone, err := interfaceTo(t.Via)
		if err != nil {
			return at, from, err
		}
		at = at.WithZone(zone)
	}
	from, err = sourceTo(at)
	return at, from, err
}

func sourceTo(a netip.Addr) (netip.Addr, error) {
	conn, err := net.Dial("udp", netip.AddrPortFrom(a, 9).String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find the way to %s: %w", a, err)
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return local.Addr(), err
}

// interfaceTo is the interface on whose network an address is.
func interfaceTo(via netip.Addr) (string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("list interfaces: %w", err)
	}
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil {
			return "", fmt.Errorf("list addresses of %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.IsSingleIP() && p.Contains(via) {
				return i.Name, nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", via, errOffLink)
}

// parsePorts reads a list such as 22,80,1000-2000.
func parsePorts(list string) ([]uint16, error) {
	var out []uint16
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err := errors.Join(err1, err2); err != nil || from < 1 || to < from {
			return nil, fmt.Errorf("ports %q: want a list such as 22,80,1000-2000", list)
		}
		for p := from; p <= to; p++ {
			out = append(out, uint16(p))
		}
	}
	return out, nil
}
