package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// askSSHD looks at sshd for two users from two sources and returns the answers
// by user and address, and how often sshd was asked.
func askSSHD(t *testing.T, w *world) (map[string]string, int) {
	t.Helper()
	r := facts.Request{Users: []string{"root", "admin"}, Sources: []string{"10.0.0.5", "203.0.113.7"}}
	s, err := w.host().sshd(t.Context(), r, &facts.Session{ClientAddr: "10.0.0.5", ServerAddr: "10.0.0.11", ServerPort: 22})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range s.Cells {
		out[c.User+" "+c.Address] = strings.Join(c.Settings["passwordauthentication"], ",")
	}
	return out, len(w.specs)
}

// forOne makes sshd answer otherwise for one cell.
func forOne(user, address string) func(string) string {
	return func(spec string) string {
		if strings.Contains(spec, "user="+user+",addr="+address+",") {
			return "passwordauthentication yes\n"
		}
		return "passwordauthentication no\n"
	}
}

// Two questions stand for all where sshd cannot answer otherwise; where it
// can, or the two differ, every cell is asked.
func TestEveryCellIsAskedWhereTheAnswerMayVary(t *testing.T) {
	t.Parallel()
	const dropIn = "/etc/ssh/sshd_config.d/50-x.conf"
	for name, c := range map[string]struct {
		dropIn        string
		user, address string // the cell that is other than the rest
		questions     int
	}{
		"no Match block":             {"PasswordAuthentication no\n# Match User root\n", "", "", 2},
		"a Match block":              {"Match User root Address 203.0.113.0/24\nPasswordAuthentication yes\n", "root", "203.0.113.7", 4},
		"a Match block in quotes":    {"\"match\" User root Address 203.0.113.0/24\n", "root", "203.0.113.7", 4},
		"an Include that we misread": {"Include /etc/[!x]sh/*.conf\n", "admin", "10.0.0.5", 4},
		"the ends differ":            {"", "admin", "203.0.113.7", 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.put(t, dropIn, c.dropIn)
			w.settings = forOne(c.user, c.address)
			have, questions := askSSHD(t, w)
			if questions != c.questions {
				t.Errorf("%d questions, want %d: %q", questions, c.questions, w.specs)
			}
			for _, cell := range []string{"root 10.0.0.5", "root 203.0.113.7", "admin 10.0.0.5", "admin 203.0.113.7"} {
				want := "no"
				if cell == c.user+" "+c.address {
					want = "yes"
				}
				if have[cell] != want {
					t.Errorf("%s: %q, want %q", cell, have[cell], want)
				}
			}
		})
	}
}

func TestMayVary(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"": false, "Port 22": false, " \t# Match all": false, "#Match all": false,
		"Match all": true, "\tMATCH=all": true, "Match": true, `"Match" all`: true, `mat"ch"all`: true, `#"Match"`: false, "\vMatch all": true, "Banner /match": true,
		"Include /etc/ssh/sshd_config.d/*.conf\r\n": false, "include a.conf\tb/*.conf": false, "Include /etc/ssh/match.d/*": false,
		"Include": true, `Include "a b"`: true, "Include=x": true, "Include [!a].conf": true, "Include a # b": true, "Include {a,b}": true, `"Include" x`: true,
	} {
		if have := mayVary(line); have != want {
			t.Errorf("%q: %t", line, have)
		}
	}
}

func TestCellsRefuseWhatWouldChangeTheQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, user := range []string{"root,addr=127.0.0.1", "a\nb"} {
		_, err := w.host().cells(t.Context(), newCells([]string{user}, []string{"10.0.0.1"}), &facts.Session{ServerAddr: "10.0.0.11", ServerPort: 22}, false)
		if err == nil || !strings.Contains(fmt.Sprint(err), "not a name and an address") {
			t.Errorf("%q: %v", user, err)
		}
	}
}
