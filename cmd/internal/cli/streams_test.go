package cli

import (
	"bytes"
	"fmt"
	"testing"
)

// TestWordsAfterAQuestion begin in a line of their own, others go on as they are.
func TestWordsAfterAQuestion(t *testing.T) {
	t.Parallel()
	for before, want := range map[string]string{"": "told\n", "go on? ": "go on? \ntold\n", "line\n": "line\ntold\n", "line\ngo on? ": "line\ngo on? \ntold\n"} {
		var out bytes.Buffer
		s := testStreams(nil, &out)
		s.Err = s.screen()
		if before != "" {
			fmt.Fprint(s.Err, before)
		}
		s.screen().endLine()
		fmt.Fprintln(s.Err, "told")
		if out.String() != want {
			t.Errorf("%q: %q", before, out.String())
		}
	}
}
