package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// maxOutput is how much a command may print on each of its two streams.
const maxOutput = 64 << 20

var (
	// errTooMuch is a command that printed more than maxOutput; final.
	errTooMuch = errors.New("more than 64 MiB of output")
	// errNoProgram is a command that cannot be written as a command line; final.
	errNoProgram = errors.New("no program to run")
	// errNUL is an argument that no program can be given; final.
	errNUL = errors.New("an argument contains a NUL byte")
	// errNoExit is a command whose channel ended without an exit code, which
	// sshd does only when it is ended itself.
	errNoExit = errors.New("the command ended without an exit code")
)

// Query runs a command that only looks. See Run for the errors.
func (h *Host) Query(ctx context.Context, q machine.Query) (machine.Output, error) {
	return h.Run(ctx, q.Command())
}

// Run runs a command. Beside an *machine.ExitError it returns what the
// command printed. When ctx ends, Run returns at once and the command is sent
// SIGTERM; sshd does not pass that on to a command of root's, which may run on.
func (h *Host) Run(ctx context.Context, c machine.Command) (machine.Output, error) {
	line, err := h.commandLine(c)
	if err != nil {
		return machine.Output{}, err
	}
	out, err := h.exec(ctx, line, c)
	var exit *machine.ExitError
	if h.needsSudo(c) && errors.As(err, &exit) && exit.Code == 1 {
		if refused := h.sudoRefused(ctx); refused != nil {
			return machine.Output{}, refused
		}
	}
	return out, err
}

func (h *Host) needsSudo(c machine.Command) bool { return c.Root && h.cfg.User != "root" }

// commandLine writes the command for the login shell. exec makes the shell
// run a program even where it has a builtin of that name, and leaves no shell
// behind that would keep signals to itself.
func (h *Host) commandLine(c machine.Command) (string, error) {
	if len(c.Argv) == 0 || c.Argv[0] == "" || strings.HasPrefix(c.Argv[0], "-") {
		return "", fmt.Errorf("run on %s: %w", h.cfg.name(), errNoProgram)
	}
	for _, word := range c.Argv {
		if strings.IndexByte(word, 0) >= 0 {
			return "", fmt.Errorf("run %s on %s: %w", c, h.cfg.name(), errNUL)
		}
	}
	if h.needsSudo(c) {
		return "exec " + machine.Quote(append([]string{"sudo", "-n", "--"}, c.Argv...)), nil
	}
	return "exec " + machine.Quote(c.Argv), nil
}

// sudoRefused tells sudo's own exit code 1 from that of the command it ran,
// by asking sudo to run nothing. It returns nil if sudo works.
func (h *Host) sudoRefused(ctx context.Context) error {
	probe := machine.Command{Argv: []string{"true"}, Root: true}
	line, err := h.commandLine(probe)
	if err != nil {
		return err
	}
	_, err = h.exec(ctx, line, machine.Command{Argv: []string{"sudo", "-n", "--", "true"}})
	var exit *machine.ExitError
	if errors.As(err, &exit) {
		return h.cfg.unreachable(machine.SudoPassword, err)
	}
	return err
}

// exec runs one line in a session of its own; c is for its input and for
// showing it.
func (h *Host) exec(ctx context.Context, line string, c machine.Command) (machine.Output, error) {
	s, err := h.session(ctx)
	if err != nil {
		return machine.Output{}, h.notRun(ctx, c, err)
	}
	defer s.release()
	out, err := s.run(ctx, line, c.Stdin)
	return out, h.runError(ctx, c, out, err)
}

// session opens a session.
func (h *Host) session(ctx context.Context) (*session, error) {
	return onLive(ctx, h, (*link).open)
}

// onLive opens something on the connection, and on a new one if the old one
// turns out to be gone: nothing has been done yet, so nothing is done twice.
func onLive[T any](ctx context.Context, h *Host, open func(*link, context.Context) (T, error)) (T, error) {
	var none T
	l, err := h.connected(ctx)
	if err != nil {
		return none, err
	}
	opened, err := open(l, ctx)
	if err == nil || ctx.Err() != nil || !l.isLost() {
		return opened, err
	}
	if l, err = h.connected(ctx); err != nil {
		return none, err
	}
	return open(l, ctx)
}

// run runs one line to its end, or until ctx or the connection ends.
func (s *session) run(ctx context.Context, line string, stdin []byte) (machine.Output, error) {
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	stdout, stderr := &capture{full: give}, &capture{full: give}
	s.Stdout, s.Stderr = stdout, stderr
	done := make(chan error, 1)
	go func() { done <- s.feed(line, stdin) }()
	select {
	case err := <-done:
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return machine.Output{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.Bytes()}, err
	case <-ctx.Done():
		// Not waited for: a server that answers nothing must not hold up
		// whoever cancels.
		go func() {
			_ = s.Signal(xssh.SIGTERM)
			_ = s.Close()
		}()
		return machine.Output{}, context.Cause(ctx)
	case <-s.link.lost:
		// A command that restarts sshd or the machine may have told its exit
		// code before the connection went.
		if err, ended := endedBefore(done); ended {
			return machine.Output{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.Bytes()}, err
		}
		return machine.Output{}, s.link.lostError(nil)
	}
}

// feed runs line and streams stdin to it. That a command ends without having
// read all of it is no failure; the library's own copying would make it one.
func (s *session) feed(line string, stdin []byte) error {
	input, err := s.StdinPipe()
	if err != nil {
		return err
	}
	if err := s.Start(line); err != nil {
		return err
	}
	go func() {
		_, _ = input.Write(stdin)
		_ = input.Close()
	}()
	return s.Wait()
}

// endedBefore reports whether a command's exit code arrived, and its error.
func endedBefore(done <-chan error) (error, bool) {
	var exit *xssh.ExitError
	select {
	case err := <-done:
		return err, err == nil || errors.As(err, &exit)
	default:
		return nil, false
	}
}

// runError turns the library's errors into those of the contract.
func (h *Host) runError(ctx context.Context, c machine.Command, out machine.Output, err error) error {
	var exit *xssh.ExitError
	var missing *xssh.ExitMissingError
	var unreachable *machine.UnreachableError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return &machine.ExitError{Command: c.String(), Code: exit.ExitStatus(), Signal: exit.Signal(), Stderr: c.Redact(string(out.Stderr))}
	case ctx.Err() != nil, errors.Is(err, errTooMuch):
		return h.notRun(ctx, c, err)
	case errors.As(err, &unreachable):
		return fmt.Errorf("run %s: %w", c, err)
	case errors.As(err, &missing):
		return fmt.Errorf("run %s: %w", c, h.cfg.unreachable(machine.Lost, errNoExit))
	}
	return fmt.Errorf("run %s: %w", c, h.cfg.unreachable(machine.Lost, err))
}

// notRun says which command was not run, or not to its end.
func (h *Host) notRun(ctx context.Context, c machine.Command, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("run %s on %s: %w", c, h.cfg.name(), err)
}

// capture keeps what a command prints, up to a limit.
type capture struct {
	kept bytes.Buffer
	full context.CancelCauseFunc
}

// Write keeps p, or ends the command if that is too much.
func (c *capture) Write(p []byte) (int, error) {
	if c.kept.Len()+len(p) > maxOutput {
		c.full(errTooMuch)
		return 0, errTooMuch
	}
	return c.kept.Write(p)
}
