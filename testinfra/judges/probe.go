package judges

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Answer is what a port says to somebody who knocks.
type Answer string

// The answers. A UDP port that says nothing may be open all the same, so that
// whoever probes it has to know what answers behind it.
const (
	Open    Answer = "open"
	Refused Answer = "refused"
	Silent  Answer = "silent"
)

// Port is one port of one protocol, tcp or udp.
type Port struct {
	Network string
	Number  uint16
}

// Prober asks the ports of a machine.
type Prober struct {
	Patience time.Duration // for one answer
	AtOnce   int           // knocks that may wait for theirs
}

// Probe asks each port once, and returns what it said.
func (p Prober) Probe(ctx context.Context, address netip.Addr, ports []Port) map[Port]Answer {
	out := make(map[Port]Answer, len(ports))
	var mu sync.Mutex
	var wg sync.WaitGroup
	turns := make(chan struct{}, p.AtOnce)
	for _, port := range ports {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			answer := p.knock(ctx, port.Network, netip.AddrPortFrom(address, port.Number))
			mu.Lock()
			defer mu.Unlock()
			out[port] = answer
		})
	}
	wg.Wait()
	return out
}

func (p Prober) knock(ctx context.Context, network string, at netip.AddrPort) Answer {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, at.String())
	if err == nil && network == "udp" {
		err = ping(ctx, conn)
	}
	if conn != nil {
		_ = conn.Close() // it has answered, or it never will
	}
	switch {
	case err == nil:
		return Open
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	}
	return Silent
}

// ping sends a datagram and waits for any other.
func ping(ctx context.Context, conn net.Conn) error {
	deadline, _ := ctx.Deadline() // knock has set one
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("k3sedge")); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 64))
	return err
}
