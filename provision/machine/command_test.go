package machine

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// FuzzQuote sends words through a real shell and wants them back.
func FuzzQuote(f *testing.F) {
	for _, w := range []string{"", "a b", "'", "''", `\'`, "$HOME", "`id`", "\n", "*", "-n", "ä\xff", "!x", "a'b'c"} {
		f.Add(w, "second")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			t.Skip("no program can be given a NUL byte")
		}
		got, err := exec.Command("sh", "-c", "exec "+Quote([]string{"printf", `%s\0`, a, b, "end"})).Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := a + "\x00" + b + "\x00end\x00"; !bytes.Equal(got, []byte(want)) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestCommandString(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		c    Command
		want string
	}{
		"plain words stay plain": {Command{Argv: []string{"systemctl", "restart", "ssh.service"}}, "systemctl restart ssh.service"},
		"others are quoted":      {Command{Argv: []string{"echo", "a b", "", "it's"}}, `echo 'a b' '' 'it'\''s'`},
		"a secret is masked":     {Command{Argv: []string{"login", "--token=abc"}, Secrets: []string{"abc"}}, "login --token=***"},
		"input is not shown":     {Command{Argv: []string{"cat"}, Stdin: []byte("abc")}, "cat"},
		"an empty secret":        {Command{Argv: []string{"true"}, Secrets: []string{""}}, "true"},
		"one secret in another":  {Command{Argv: []string{"x", "abcdef"}, Secrets: []string{"abc", "abcdef"}}, "x ***"},
	} {
		if got := tc.c.String(); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}

func TestNoVerbShowsASecret(t *testing.T) {
	t.Parallel()
	c := Command{Argv: []string{"x", "canary"}, Stdin: []byte("canary"), Secrets: []string{"canary"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "canary") || got == "" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

func TestRedactQuotedSecret(t *testing.T) {
	t.Parallel()
	c := Command{Secrets: []string{"it's"}}
	text := "sh: 1: " + Quote([]string{"run", "it's"}) + " and it's"
	if got, want := c.Redact(text), "sh: 1: 'run' '***' and ***"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
