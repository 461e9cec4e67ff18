package fakecloudflare

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// lookup is one question; recursion is what a resolver would want.
type lookup struct {
	network, server string
	recursion       bool
}

func (l lookup) ask(t *testing.T, name string, kind dnsmessage.Type) dnsmessage.Message {
	t.Helper()
	q := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: l.recursion},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name + "."), Type: kind, Class: dnsmessage.ClassINET}},
	}
	return l.send(t, q)
}

func (l lookup) send(t *testing.T, q dnsmessage.Message) dnsmessage.Message {
	t.Helper()
	text, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial(l.network, l.server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if l.network == "tcp" {
		text = append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)
	}
	if _, err := conn.Write(text); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 1<<16)
	n, err := conn.Read(reply)
	if l.network == "tcp" && n == 2 {
		n, err = io.ReadFull(conn, reply[:binary.BigEndian.Uint16(reply)])
	} else if l.network == "tcp" {
		reply, n = reply[2:], n-2
	}
	if err != nil {
		t.Fatal(err)
	}
	var out dnsmessage.Message
	if err := out.Unpack(reply[:n]); err != nil {
		t.Fatal(err)
	}
	return out
}

// contents are what the answers say, in short.
func contents(m dnsmessage.Message) []string {
	out := []string{}
	for _, r := range m.Answers {
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			out = append(out, netip.AddrFrom4(b.A).String())
		case *dnsmessage.AAAAResource:
			out = append(out, netip.AddrFrom16(b.AAAA).String())
		case *dnsmessage.CNAMEResource:
			out = append(out, b.CNAME.String())
		case *dnsmessage.NSResource:
			out = append(out, b.NS.String())
		case *dnsmessage.SOAResource:
			out = append(out, "SOA")
		case *dnsmessage.TXTResource:
			out = append(out, strings.Join(b.TXT, "|"))
		}
	}
	return out
}

// named starts a stand-in with records.
func named(t *testing.T) *Running {
	t.Helper()
	r := Start(t, Options{
		Address: netip.MustParseAddr("127.0.0.5"),
		Zones:   []Zone{{Name: TestZone}, {Name: "sleeps.test", Status: "pending"}},
		Hosts:   map[string][]netip.Addr{"acme.outside.test": {netip.MustParseAddr("10.77.0.6"), netip.MustParseAddr("fd00::6")}},
	})
	for _, rec := range []Record{
		{Name: "lan.lab.test", Type: "A", Content: "10.77.0.11"},
		{Name: "lan.lab.test", Type: "A", Content: "10.77.0.12"},
		{Name: "six.lab.test", Type: "AAAA", Content: "fd00::1", TTL: 120},
		{Name: "pub.lab.test", Type: "CNAME", Content: "t.cfargotunnel.com", Proxied: true},
		{Name: "pub.lab.test", Type: "TXT", Content: "beside"},
		{Name: "alias.lab.test", Type: "CNAME", Content: "lan.lab.test"},
		{Name: "out.lab.test", Type: "CNAME", Content: "acme.outside.test"},
		{Name: "away.lab.test", Type: "CNAME", Content: "elsewhere.example"},
		{Name: "loop.lab.test", Type: "CNAME", Content: "pool.lab.test"},
		{Name: "pool.lab.test", Type: "CNAME", Content: "loop.lab.test"},
		{Name: "_acme-challenge.git.lab.test", Type: "TXT", Content: `"token"`},
		{Name: "long.lab.test", Type: "TXT", Content: strings.Repeat("x", 300)},
		{Name: "*.wild.lab.test", Type: "A", Content: "10.77.0.13"},
		{Name: "is.wild.lab.test", Type: "TXT", Content: "here"},
		{Name: "lab.test", Type: "CNAME", Content: "lan.lab.test"},
		{Name: "a.sleeps.test", Type: "A", Content: "10.77.0.14"},
	} {
		if _, err := r.AddRecord(rec); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestNameServer(t *testing.T) {
	t.Parallel()
	r := named(t)
	const a, aaaa, cname, txt, ns, soaType, caa = dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeCNAME, dnsmessage.TypeTXT, dnsmessage.TypeNS, dnsmessage.TypeSOA, dnsmessage.Type(257)
	for _, test := range []struct {
		name string
		kind dnsmessage.Type
		want []string
		code dnsmessage.RCode
	}{
		{"LAN.lab.test", a, []string{"10.77.0.11", "10.77.0.12"}, 0},
		{"lan.lab.test", aaaa, nil, 0},
		{"six.lab.test", aaaa, []string{"fd00::1"}, 0},
		{"pub.lab.test", a, []string{"127.0.0.5"}, 0},
		{"pub.lab.test", cname, nil, 0},
		{"pub.lab.test", txt, []string{"beside"}, 0},
		{"pub.lab.test", dnsmessage.Type(65), nil, 0},
		{"alias.lab.test", a, []string{"lan.lab.test.", "10.77.0.11", "10.77.0.12"}, 0},
		{"alias.lab.test", cname, []string{"lan.lab.test."}, 0},
		{"out.lab.test", aaaa, []string{"acme.outside.test.", "fd00::6"}, 0},
		{"away.lab.test", a, []string{"elsewhere.example."}, 0},
		{"loop.lab.test", a, nil, dnsmessage.RCodeServerFailure},
		{"_acme-challenge.git.lab.test", txt, []string{"token"}, 0},
		{"git.lab.test", txt, nil, 0}, // one below it is there
		{"no.lab.test", a, nil, dnsmessage.RCodeNameError},
		{"long.lab.test", txt, []string{strings.Repeat("x", 255) + "|" + strings.Repeat("x", 45)}, 0},
		{"x.wild.lab.test", a, []string{"10.77.0.13"}, 0},
		{"y.x.wild.lab.test", a, []string{"10.77.0.13"}, 0},
		{"is.wild.lab.test", a, nil, 0},
		{"x.is.wild.lab.test", a, nil, dnsmessage.RCodeNameError},
		{"lab.test", a, []string{"10.77.0.11", "10.77.0.12"}, 0},
		{"lab.test", soaType, []string{"SOA"}, 0},
		{"lab.test", ns, []string{"ada.ns.cloudflare.com.", "bob.ns.cloudflare.com."}, 0},
		{"lan.lab.test", caa, nil, 0},
		{"api.cloudflare.com", a, []string{"127.0.0.5"}, 0},
		{"ada.ns.cloudflare.com", a, []string{"127.0.0.5"}, 0},
		{"region1.v2.argotunnel.com", a, []string{"127.0.0.5"}, 0},
		{"acme.outside.test", a, []string{"10.77.0.6"}, 0},
		{"a.sleeps.test", a, nil, dnsmessage.RCodeNameError},
		{"www.example.com", a, nil, dnsmessage.RCodeNameError},
	} {
		for _, network := range []string{"udp", "tcp"} {
			got := lookup{network, r.DNS, true}.ask(t, test.name, test.kind)
			if !slices.Equal(contents(got), slices.Concat([]string{}, test.want)) || got.RCode != test.code {
				t.Errorf("%s %s over %s: %v %v, want %v %v", test.name, test.kind, network, contents(got), got.RCode, test.want, test.code)
			}
			negative := len(got.Answers) == 0 && strings.HasSuffix(test.name, TestZone) && got.RCode != dnsmessage.RCodeServerFailure
			if negative != (len(got.Authorities) == 1) {
				t.Errorf("%s %s: authorities %v", test.name, test.kind, got.Authorities)
			}
		}
	}
}

func TestNameServerKeepsToDNS(t *testing.T) {
	t.Parallel()
	r := named(t)
	for i := range 40 {
		if _, err := r.AddRecord(Record{Name: "many.lab.test", Type: "A", Content: netip.AddrFrom4([4]byte{10, 77, 1, byte(i)}).String()}); err != nil {
			t.Fatal(err)
		}
	}
	udp := lookup{"udp", r.DNS, true}
	if got := udp.ask(t, "many.lab.test", dnsmessage.TypeA); !got.Truncated || len(got.Answers) != 0 {
		t.Errorf("a long answer over UDP: truncated %t, %d answers", got.Truncated, len(got.Answers))
	}
	if got := (lookup{"tcp", r.DNS, true}).ask(t, "many.lab.test", dnsmessage.TypeA); got.Truncated || len(got.Answers) != 40 {
		t.Errorf("a long answer over TCP: truncated %t, %d answers", got.Truncated, len(got.Answers))
	}
	q := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("many.lab.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		Additionals: []dnsmessage.Resource{edns()}}
	if got := udp.send(t, q); got.Truncated || len(got.Answers) != 40 || len(got.Additionals) != 1 {
		t.Errorf("with EDNS: truncated %t, %d answers, %v", got.Truncated, len(got.Answers), got.Additionals)
	}
	if got := (lookup{"udp", r.DNS, false}).ask(t, "www.example.com", dnsmessage.TypeA); got.RCode != dnsmessage.RCodeRefused {
		t.Errorf("who wants no recursion is told %v of a foreign name", got.RCode)
	}
	q.Questions = append(q.Questions, q.Questions[0])
	if got := udp.send(t, q); got.RCode != dnsmessage.RCodeFormatError {
		t.Errorf("two questions: %v", got.RCode)
	}
	q.Questions = q.Questions[:1]
	q.Questions[0].Class = dnsmessage.ClassCHAOS
	if got := udp.send(t, q); got.RCode != dnsmessage.RCodeRefused {
		t.Errorf("class CHAOS: %v", got.RCode)
	}
	q.OpCode = 4
	if got := udp.send(t, q); got.RCode != dnsmessage.RCodeNotImplemented {
		t.Errorf("NOTIFY: %v", got.RCode)
	}
}

func TestPropagationThatNeverComes(t *testing.T) {
	t.Parallel()
	r := named(t)
	udp := lookup{"udp", r.DNS, true}
	if err := r.Fault(Fault{Kind: NotPublished, Path: "^_acme-challenge\\."}, Fault{Kind: NoAnswer, Path: "^lan\\."}); err != nil {
		t.Fatal(err)
	}
	if got := udp.ask(t, "_acme-challenge.git.lab.test", dnsmessage.TypeTXT); got.RCode != dnsmessage.RCodeNameError {
		t.Errorf("a record that is not published: %v %v", got.RCode, contents(got))
	}
	if got := udp.ask(t, "is.wild.lab.test", dnsmessage.TypeTXT); len(got.Answers) != 1 {
		t.Errorf("another record: %v", got.RCode)
	}
	if got := udp.ask(t, "lan.lab.test", dnsmessage.TypeA); got.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("a name server in trouble: %v", got.RCode)
	}
	r.ClearFaults()
	if got := udp.ask(t, "_acme-challenge.git.lab.test", dnsmessage.TypeTXT); len(got.Answers) != 1 {
		t.Errorf("after all: %v", got.RCode)
	}
}

func FuzzDNS(f *testing.F) {
	q := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("a.lab.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	text, err := q.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	s, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.AddRecord(Record{Name: "*.lab.test", Type: "TXT", Content: "x"}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, asked []byte) {
		reply := s.answerDNS(asked, true)
		var m dnsmessage.Message
		if reply != nil && m.Unpack(reply) != nil {
			t.Errorf("the reply to %x is no message: %x", asked, reply)
		}
	})
}
