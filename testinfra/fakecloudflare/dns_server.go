package fakecloudflare

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// plainSize is what an answer over UDP may have if the question says nothing else.
const plainSize = 512

// ServeDNS answers questions over both transports until the context ends. It is
// the name server of the zones and, for who asks for recursion, the resolver of
// a world in which nothing else exists.
func (s *Server) ServeDNS(ctx context.Context, packets net.PacketConn, streams net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _, _ = packets.Close(), streams.Close() })
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- s.servePackets(packets) }()
	go func() { ended <- s.serveStreams(ctx, streams) }()
	err := <-ended
	cancel()
	err = errors.Join(err, <-ended)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) servePackets(conn net.PacketConn) error {
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return fmt.Errorf("read DNS question: %w", err)
		}
		if reply := s.answerDNS(buffer[:n], true); reply != nil {
			_, _ = conn.WriteTo(reply, from) // who asked has gone
		}
	}
}

func (s *Server) serveStreams(ctx context.Context, l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept DNS connection: %w", err)
		}
		go func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			for s.answerStream(conn) == nil {
			}
		}()
	}
}

func (s *Server) answerStream(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	var size uint16
	if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
		return err
	}
	asked := make([]byte, size)
	if _, err := io.ReadFull(conn, asked); err != nil {
		return err
	}
	reply := s.answerDNS(asked, false)
	if reply == nil {
		return errors.New("not a question")
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return err
}

// answerDNS makes the reply to a message; nil if it is none.
func (s *Server) answerDNS(asked []byte, limited bool) []byte {
	var in dnsmessage.Message
	if err := in.Unpack(asked); err != nil || in.Response {
		return nil
	}
	out := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: in.ID, Response: true, OpCode: in.OpCode, RecursionDesired: in.RecursionDesired, RecursionAvailable: true},
		Questions: in.Questions,
	}
	limit := plainSize
	for _, extra := range in.Additionals {
		if extra.Header.Type == dnsmessage.TypeOPT {
			limit = max(limit, int(extra.Header.Class))
			out.Additionals = []dnsmessage.Resource{edns()}
		}
	}
	switch {
	case in.OpCode != 0:
		out.RCode = dnsmessage.RCodeNotImplemented
	case len(in.Questions) != 1:
		out.RCode = dnsmessage.RCodeFormatError
	case in.Questions[0].Class != dnsmessage.ClassINET:
		out.RCode = dnsmessage.RCodeRefused
	default:
		s.fill(&out, in.Questions[0])
	}
	reply, err := out.Pack()
	if err != nil {
		return nil
	}
	if limited && len(reply) > limit { // ask again over TCP
		out.Truncated, out.Answers, out.Authorities = true, nil, nil
		reply, _ = out.Pack()
	}
	return reply
}

// fill puts into a reply what is known.
func (s *Server) fill(out *dnsmessage.Message, q dnsmessage.Question) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	got := s.resolve(name, q.Type)
	if !got.ours && !out.RecursionDesired {
		out.RCode = dnsmessage.RCodeRefused
		return
	}
	out.RCode, out.Answers, out.Authoritative = got.code, got.answers, got.ours
	if len(got.answers) == 0 && got.zone != nil {
		out.Authorities = []dnsmessage.Resource{soa(got.zone)}
	}
}

func edns() dnsmessage.Resource {
	var h dnsmessage.ResourceHeader
	_ = h.SetEDNS0(1232, dnsmessage.RCodeSuccess, false) // these fit
	return dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{}}
}
