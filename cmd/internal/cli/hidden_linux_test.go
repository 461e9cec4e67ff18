package cli

import (
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAskHidden(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		typed, want string
		err         error
	}{
		"a line":               {"secret\n", "secret", nil},
		"return instead":       {"secret\r", "secret", nil},
		"mended while typing":  {"secrx\x7fet\n", "secret", nil},
		"ended by Ctrl-D":      {"secret\x04\x04", "secret", nil},
		"nothing":              {"\n", "", nil},
		"nobody, Ctrl-D alone": {"\x04", "", io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, slave := openTerminal(t)
			fd := int(slave.Fd())
			before, err := terminalState(fd)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := master.WriteString(tc.typed); err != nil {
				t.Fatal(err)
			}
			got, err := askHidden(fd)
			if string(got) != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, tc.want, tc.err)
			}
			after, err := terminalState(fd)
			if err != nil || *after != *before || after.Lflag&unix.ECHO == 0 {
				t.Errorf("the terminal was left as %+v, %v", after, err)
			}
		})
	}
}

func TestAskHiddenNeedsATerminal(t *testing.T) {
	t.Parallel()
	if _, err := askHidden(-1); err == nil {
		t.Error("a secret was read from nowhere")
	}
}
