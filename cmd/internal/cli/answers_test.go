package cli

import (
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func TestServed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		answer        look.DialAnswer
		usual, forced bool
	}{
		{look.DialAnswer{Outcome: look.Answered, Status: 200}, true, true},
		{look.DialAnswer{Outcome: look.Answered, Status: 401}, true, true},
		{look.DialAnswer{Outcome: look.Answered, Status: 500}, true, true},
		{look.DialAnswer{Outcome: look.Answered, Status: 404}, false, false}, // no route yet
		{look.DialAnswer{Outcome: look.Answered, Status: 502}, false, true},
		{look.DialAnswer{Outcome: look.Answered, Status: 503}, false, true},
		{look.DialAnswer{Outcome: look.Answered, Status: 504}, false, true},
		{look.DialAnswer{Outcome: look.Refused}, false, false},
		{look.DialAnswer{Outcome: look.Broken}, false, false},
		{look.DialAnswer{}, false, false},
	} {
		if usual, forced := served(tc.answer, false), served(tc.answer, true); usual != tc.usual || forced != tc.forced {
			t.Errorf("%s %d: %t, forced %t", tc.answer.Outcome, tc.answer.Status, usual, forced)
		}
	}
}
