package sshtest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// patience is a bound for what has to happen at once, wide enough for a busy
// computer; without it a test of cancelling could only hang.
const patience = 20 * time.Second

// suite is one host under test.
type suite struct {
	host func(*testing.T) machine.Host
}

// TestHost runs the rules that every machine.Host keeps. newHost returns a
// host that a user other than root logs in to and that may be changed below
// its directory for temporary files. Hosts that are also a Placer, a Redialer, an
// Uploader or a Dialer are tested as such.
func TestHost(t *testing.T, newHost func(*testing.T) machine.Host) {
	s := suite{newHost}
	for name, test := range map[string]func(*testing.T){
		"arguments arrive as they are":           s.arguments,
		"a program runs, not a builtin":          s.noBuiltin,
		"standard input arrives":                 s.stdin,
		"input that is not read is no error":     s.unreadStdin,
		"an exit code and all of stderr":         s.exitCode,
		"a signal":                               s.signal,
		"a program that is not there":            s.noProgram,
		"an empty command is refused":            s.emptyCommand,
		"no secret in an error":                  s.secrets,
		"root by sudo":                           s.root,
		"exit 1 of root's command is its own":    s.rootExit,
		"commands run side by side":              s.sideBySide,
		"a command ends at once when cancelled":  s.cancel,
		"nothing runs when cancelled before":     s.cancelledBefore,
		"a file is written":                      s.write,
		"a file is replaced whole":               s.replace,
		"a symbolic link is replaced":            s.writeOverLink,
		"a file that cannot be written":          s.writeFails,
		"a file without path or mode is refused": s.writeRefused,
		"the agent is placed once":               s.place,
		"the agent's file is mended":             s.placeMends,
		"a second connection is its own":         s.redial,
		"a large file is uploaded once":          s.upload,
		"an uploaded file is mended":             s.uploadMends,
		"folders are made, and left as they are": s.uploadFolders,
		"a broken upload leaves nothing":         s.uploadBroken,
		"an upload ends at once when cancelled":  s.uploadCancelled,
		"an upload without room is not begun":    s.uploadNoRoom,
		"an upload that cannot be is refused":    s.uploadRefused,
		"a server on the host is reached":        s.dial,
		"a connection has deadlines":             s.dialDeadline,
		"a server that is not there":             s.dialRefused,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// run runs a command that has to succeed and returns what it printed.
func run(t *testing.T, h machine.Host, c machine.Command) string {
	t.Helper()
	out, err := h.Run(t.Context(), c)
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	return string(out.Stdout)
}

func asRoot(argv ...string) machine.Command { return machine.Command{Argv: argv, Root: true} }

// scratch makes a directory of root's on the host, removed with the test.
func scratch(t *testing.T, h machine.Host) string {
	t.Helper()
	dir := strings.TrimSpace(run(t, h, asRoot("mktemp", "-d")))
	t.Cleanup(func() {
		if _, err := h.Run(context.Background(), asRoot("rm", "-rf", "--", dir)); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return dir
}

// wantExit fails the test unless err is an ExitError with this code.
func wantExit(t *testing.T, err error, code int) *machine.ExitError {
	t.Helper()
	var exit *machine.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("got %v, want exit %d", err, code)
	}
	if exit.Code != code {
		t.Fatalf("got %v (stderr %q), want exit %d", err, exit.Stderr, code)
	}
	return exit
}

// OddArguments is words that a careless shell line would break on.
func OddArguments() []string {
	return []string{
		"", " ", "a b", "'", "''", `"`, `\`, `\'`, "$HOME", "`id`", "$(id)", "*", "~", "a;b", "a&b", "#", "!", "{a,b}",
		"-n", "--", "A=1", "\n", "tab\there", "ä€😀", "\xff\xfe", "%s", "|", "<x", ">x", "[", "a'b\"c",
	}
}

func (s suite) arguments(t *testing.T) {
	h := s.host(t)
	for _, root := range []bool{false, true} {
		words := OddArguments()
		got := run(t, h, machine.Command{Argv: append([]string{"printf", `%s\0`}, words...), Root: root})
		if want := strings.Join(words, "\x00") + "\x00"; got != want {
			t.Errorf("root %t: got %q, want %q", root, got, want)
		}
	}
}

func (s suite) noBuiltin(t *testing.T) {
	// The program prints this as it is; dash's builtin would make it a tab.
	if got := run(t, s.host(t), machine.Command{Argv: []string{"echo", `a\tb`}}); got != "a\\tb\n" {
		t.Errorf("got %q", got)
	}
}

func (s suite) stdin(t *testing.T) {
	h := s.host(t)
	input := bytes.Repeat([]byte("\x00\xff\r\n k3sedge"), 1<<17)
	if got := run(t, h, machine.Command{Argv: []string{"cat"}, Stdin: input}); got != string(input) {
		t.Errorf("%d bytes came back, want %d, or they differ", len(got), len(input))
	}
	if got := run(t, h, machine.Command{Argv: []string{"cat"}}); got != "" {
		t.Errorf("no input: got %q", got)
	}
}

func (s suite) unreadStdin(t *testing.T) {
	run(t, s.host(t), machine.Command{Argv: []string{"true"}, Stdin: make([]byte, 4<<20)})
}

func (s suite) exitCode(t *testing.T) {
	h := s.host(t)
	_, err := h.Run(t.Context(), machine.Command{Argv: []string{"sh", "-c", "echo out; echo one >&2; echo two >&2; exit 7"}})
	if exit := wantExit(t, err, 7); exit.Stderr != "one\ntwo\n" || exit.Signal != "" {
		t.Errorf("stderr %q, signal %q", exit.Stderr, exit.Signal)
	}
}

func (s suite) signal(t *testing.T) {
	_, err := s.host(t).Run(t.Context(), machine.Command{Argv: []string{"sh", "-c", "kill -TERM $$"}})
	if exit := wantExit(t, err, 128+15); exit.Signal != "TERM" {
		t.Errorf("signal %q", exit.Signal)
	}
}

func (s suite) noProgram(t *testing.T) {
	_, err := s.host(t).Run(t.Context(), machine.Command{Argv: []string{"k3sedge-no-such-program"}})
	wantExit(t, err, 127)
}

func (s suite) emptyCommand(t *testing.T) {
	h := s.host(t)
	if _, err := h.Query(t.Context(), machine.Query{}); err == nil {
		t.Error("the zero Query ran")
	}
	for _, argv := range [][]string{nil, {""}, {"-c", "true"}, {"true", "a\x00b"}} {
		if _, err := h.Run(t.Context(), machine.Command{Argv: argv}); err == nil {
			t.Errorf("%q ran", argv)
		}
	}
}

func (s suite) secrets(t *testing.T) {
	h := s.host(t)
	const secret = "it's s3cret"
	c := machine.Command{
		Argv:  []string{"sh", "-c", `cat >&2; echo "no: $1" >&2; exit 3`, "sh", "--token=" + secret},
		Stdin: []byte("input " + secret + "\n"), Secrets: []string{secret},
	}
	_, err := h.Run(t.Context(), c)
	exit := wantExit(t, err, 3)
	if all := err.Error() + exit.Command + exit.Stderr; strings.Contains(all, "s3cret") {
		t.Errorf("the secret is in %q", all)
	}
	if !strings.Contains(exit.Stderr, "no: --token=***") {
		t.Errorf("stderr %q", exit.Stderr)
	}
}

func (s suite) root(t *testing.T) {
	h := s.host(t)
	if got := run(t, h, asRoot("id", "-u")); got != "0\n" {
		t.Errorf("root has the id %q", got)
	}
	if _, err := h.Query(t.Context(), machine.SudoWorks()); err != nil {
		t.Error(err)
	}
}

func (s suite) rootExit(t *testing.T) {
	_, err := s.host(t).Run(t.Context(), asRoot("sh", "-c", "echo why >&2; exit 1"))
	if exit := wantExit(t, err, 1); exit.Stderr != "why\n" {
		t.Errorf("stderr %q", exit.Stderr)
	}
}
