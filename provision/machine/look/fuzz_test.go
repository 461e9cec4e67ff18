package look

import (
	"bufio"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"unicode"
)

func FuzzUnits(f *testing.F) {
	f.Add(shownUnits, 4)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, out string, n int) {
		names := unitNames()[:max(0, min(n, 4))]
		units, err := parseUnits(out, names)
		if err == nil && len(units) != len(names) {
			t.Errorf("%d units for %d names", len(units), len(names))
		}
		for name, u := range units {
			if u.Load == "" || u.Active == "" {
				t.Errorf("%s has no state", name)
			}
		}
	})
}

func FuzzSockets(f *testing.F) {
	for _, table := range []string{tableTCP, tableTCP6, tableUDP} {
		f.Add(table)
	}
	f.Fuzz(func(t *testing.T, table string) {
		sockets, _ := parseSockets(table, tcpListens)
		for _, s := range sockets {
			if _, err := netip.ParseAddr(s.Address); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add("one\ntwo\x1b[0m\n\xff\n")
	f.Fuzz(func(t *testing.T, out string) {
		lines := parseJournal(out)
		if len(lines) > journalLines {
			t.Errorf("%d lines", len(lines))
		}
		for _, l := range lines {
			if l == "" || strings.IndexFunc(l, unicode.IsControl) >= 0 {
				t.Errorf("%q", l)
			}
		}
	})
}

func FuzzCounters(f *testing.F) {
	f.Add(listing)
	f.Fuzz(func(t *testing.T, out string) {
		counters, _ := parseCounters(out)
		for _, c := range counters {
			if c.Chain == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 301 Moved\r\nLocation: /a\r\nLOCATION: /b\r\n\r\n")
	f.Add("SSH-2.0-OpenSSH_9.2\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		status, header, err := readHead(bufio.NewReader(strings.NewReader(text)))
		if err == nil && (status < 200 || status > 999) {
			t.Errorf("status %d", status)
		}
		for key, value := range header {
			if strings.IndexFunc(value, unicode.IsControl) >= 0 {
				t.Errorf("%s: %q", key, value)
			}
		}
		var f *failure
		if errors.As(err, &f) && f.outcome != NotHTTP {
			t.Errorf("outcome %s", f.outcome)
		}
	})
}
