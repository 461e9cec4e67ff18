package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

const (
	batch = 512 // SYNs between two echo requests; a queue that overflows has room for twice as many
	// A hardened node answers 50 echo requests a second.
	pingEvery = 25 * time.Millisecond
	pingWait  = 2 * time.Second
	pingTries = 15
	grace     = 300 * time.Millisecond
)

// errNoEcho is a machine that does not answer an echo request: a lost packet
// and a closed port look the same then.
var errNoEcho = errors.New("no answer to an echo request: a lost packet and a dropped one cannot be told apart")

// upper is where the second half of all ports begins.
const upper = 1 << 15

// knocker sends SYNs to one address and gathers what comes back.
type knocker struct {
	tcp, icmp *net.IPConn
	from, at  netip.Addr
	port      uint16 // ours for the ports below upper, and the next one for the others
	seq       uint32
	id        uint16 // of the echo requests

	mu      sync.Mutex
	open    map[uint16]bool
	refused map[uint16]bool
	echoes  chan uint16
}

// knock asks TCP ports by single SYNs. The kernel, which knows nothing of
// them, ends by itself what an open port begins.
func knock(ctx context.Context, from, at netip.Addr, ports []uint16) (open, refused []uint16, err error) {
	k := &knocker{from: from, at: at, seq: rand.Uint32(), id: uint16(rand.Uint32()),
		port: 61000 + uint16(rand.IntN(4000)), // outside of what the kernel gives to others
		open: map[uint16]bool{}, refused: map[uint16]bool{}, echoes: make(chan uint16, 256)}
	if err := k.listen(); err != nil {
		return nil, nil, err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer k.close() // which ends the readers
	wg.Go(k.readTCP)
	wg.Go(k.readICMP)
	if err := k.sweep(ctx, ports); err != nil {
		return nil, nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range ports {
		if k.open[p] {
			open = append(open, p)
		} else if k.refused[p] {
			refused = append(refused, p)
		}
	}
	return open, refused, nil
}

func (k *knocker) listen() error {
	family, icmp := "ip4", "icmp"
	if k.at.Is6() {
		family, icmp = "ip6", "ipv6-icmp"
	}
	local := &net.IPAddr{IP: k.from.AsSlice(), Zone: k.from.Zone()}
	var err error
	if k.tcp, err = net.ListenIP(family+":tcp", local); err != nil {
		return fmt.Errorf("open a raw socket: %w", err)
	}
	_ = k.tcp.SetReadBuffer(4 << 20) // what the kernel allows
	if k.icmp, err = net.ListenIP(family+":"+icmp, local); err != nil {
		_ = k.tcp.Close()
		return fmt.Errorf("open a raw socket: %w", err)
	}
	return nil
}

func (k *knocker) close() {
	_ = k.tcp.Close()
	_ = k.icmp.Close()
}

// sweep sends one batch after the other, and a batch again whose echo was lost.
func (k *knocker) sweep(ctx context.Context, ports []uint16) error {
	n := uint16(0)
	for part := range slices.Chunk(ports, batch) {
		for try := 0; ; try++ {
			if err := k.send(ctx, part); err != nil {
				return err
			}
			n++
			answered, err := k.ping(ctx, n)
			if err != nil {
				return err
			}
			if answered {
				break
			}
			if try == pingTries {
				return fmt.Errorf("%s: %w", k.at, errNoEcho)
			}
		}
	}
	converge.Pause(ctx, grace) // for what is on its way
	return ctx.Err()
}

func (k *knocker) send(ctx context.Context, ports []uint16) error {
	to := &net.IPAddr{IP: k.at.AsSlice(), Zone: k.at.Zone()}
	for _, p := range ports {
		packet := k.syn(p)
		err := patiently(ctx, func() error {
			_, err := k.tcp.WriteToIP(packet, to)
			return err
		})
		if err != nil {
			return fmt.Errorf("send to %s: %w", k.at, err)
		}
	}
	return nil
}

// patiently writes again while packets that the network card has not taken yet
// fill the socket: a raw one refuses where others wait.
func patiently(ctx context.Context, write func() error) error {
	for {
		err := write()
		if !errors.Is(err, syscall.ENOBUFS) {
			return err
		}
		if !converge.Pause(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
}

// syn is the packet that asks to begin a connection.
func (k *knocker) syn(port uint16) []byte {
	b := make([]byte, 24)
	binary.BigEndian.PutUint16(b[0:], k.port+port/upper)
	binary.BigEndian.PutUint16(b[2:], port)
	binary.BigEndian.PutUint32(b[4:], k.seq)
	b[12], b[13] = 6<<4, 0x02
	binary.BigEndian.PutUint16(b[14:], 1024)
	copy(b[20:], []byte{2, 4, 1460 >> 8, 1460 & 0xff})
	sum := add(0, k.from.AsSlice())
	sum = add(sum, k.at.AsSlice())
	sum += 6 + uint32(len(b))
	binary.BigEndian.PutUint16(b[16:], fold(add(sum, b)))
	return b
}

// ping sends an echo request and waits for its answer, which comes behind
// those to everything that was sent before.
func (k *knocker) ping(ctx context.Context, n uint16) (bool, error) {
	b := make([]byte, 16)
	b[0] = 8
	if k.at.Is6() {
		b[0] = 128
	}
	binary.BigEndian.PutUint16(b[4:], k.id)
	binary.BigEndian.PutUint16(b[6:], n)
	if k.at.Is4() { // for IPv6 the kernel does it
		binary.BigEndian.PutUint16(b[2:], fold(add(0, b)))
	}
	next := time.After(pingEvery)
	if _, err := k.icmp.WriteToIP(b, &net.IPAddr{IP: k.at.AsSlice(), Zone: k.at.Zone()}); err != nil {
		return false, fmt.Errorf("send an echo request to %s: %w", k.at, err)
	}
	late := time.After(pingWait)
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-late:
			return false, nil
		case got := <-k.echoes:
			if got == n {
				<-next
				return true, nil
			}
		}
	}
}

func (k *knocker) readTCP() {
	b := make([]byte, 2048)
	for {
		n, from, err := k.tcp.ReadFromIP(b)
		if err != nil {
			return // closed
		}
		if !k.isTarget(from) {
			continue
		}
		if port, flags, ours := k.answer(b[:n]); ours {
			k.mu.Lock()
			if flags&0x04 != 0 {
				k.refused[port] = true
			} else if flags&0x12 == 0x12 {
				k.open[port] = true
			}
			k.mu.Unlock()
		}
	}
}

// answer reads the head of a TCP packet, if it answers one of ours.
func (k *knocker) answer(b []byte) (port uint16, flags byte, ours bool) {
	if len(b) < 20 || binary.BigEndian.Uint32(b[8:]) != k.seq+1 {
		return 0, 0, false
	}
	port = binary.BigEndian.Uint16(b)
	return port, b[13], binary.BigEndian.Uint16(b[2:]) == k.port+port/upper
}

func (k *knocker) readICMP() {
	b := make([]byte, 2048)
	reply := byte(0)
	if k.at.Is6() {
		reply = 129
	}
	for {
		n, from, err := k.icmp.ReadFromIP(b)
		if err != nil {
			return // closed
		}
		if n < 8 || !k.isTarget(from) || b[0] != reply || binary.BigEndian.Uint16(b[4:]) != k.id {
			continue
		}
		select {
		case k.echoes <- binary.BigEndian.Uint16(b[6:]):
		default: // nobody waits for this one any more
		}
	}
}

func (k *knocker) isTarget(from *net.IPAddr) bool {
	a, ok := netip.AddrFromSlice(from.IP)
	return ok && a.Unmap() == k.at.WithZone("")
}

// add and fold are the Internet's checksum.
func add(sum uint32, b []byte) uint32 {
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
