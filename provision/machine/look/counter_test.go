package look

import (
	"slices"
	"testing"
)

const listing = `table inet k3sedge {
	set tcp4 {
		type ipv4_addr . inet_service
		flags interval
	}

	chain guard {
		type filter hook prerouting priority dstnat - 10; policy accept;
		iif "lo" accept
		ip saddr 127.0.0.0/8 counter packets 3 bytes 180 drop comment "loopback address from outside"
		ct state invalid counter packets 18446744073709551615 bytes 0 drop
		limit rate 6/minute burst 12 packets log prefix "k3sedge drop guard: "
	}

	chain input {
		type filter hook input priority filter - 10; policy drop;
		counter packets 12 bytes 720 drop
	}
}
`

func TestCounters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.answers[nft] = listing
	want := []Counter{
		{"guard", "loopback address from outside", 3}, {"guard", "ct state invalid counter drop", 18446744073709551615}, {"input", "counter drop", 12},
	}
	if a := r.look(t.Context(), Request{Counters: true}); !slices.Equal(a.Counters, want) || a.Failed != nil {
		t.Errorf("got %+v, failed %v", a.Counters, a.Failed)
	}
	for _, out := range []string{"", "table ip nat {\n}\n", "table inet k3sedge {\n\tchain a {\n\t\tcounter packets 18446744073709551616 bytes 0\n"} {
		if got, err := parseCounters(out); err == nil {
			t.Errorf("%q: %+v", out, got)
		}
	}
}
