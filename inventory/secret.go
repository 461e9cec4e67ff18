package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// SecretRef says where a secret is kept: env:NAME, file:PATH or cmd:COMMAND.
// It holds no secret itself.
type SecretRef string

// Secret is a secret's value. Whatever prints it prints ***.
type Secret struct{ value string }

// NewSecret wraps a value so that it cannot be printed by accident.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the one place that sends it.
func (s Secret) Reveal() string { return s.value }

// String returns ***.
func (s Secret) String() string { return "***" }

// GoString returns ***.
func (s Secret) GoString() string { return "***" }

// MarshalText returns ***, so that no encoder writes the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Format prints *** for every verb: %d and %x would look inside otherwise.
func (s Secret) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte("***")) }

// CommandError is a cmd: reference whose command failed.
type CommandError struct {
	Code   int    // -1 where a signal ended it
	Stderr string // complete, without what the command wrote to its standard output
}

// Error gives the exit code and the last line the command complained with.
func (e *CommandError) Error() string {
	s := fmt.Sprintf("exit %d", e.Code)
	if lines := strings.Split(strings.TrimSpace(e.Stderr), "\n"); lines[len(lines)-1] != "" {
		s += ": " + lines[len(lines)-1]
	}
	return s
}

const (
	refHint = "write env:NAME, file:PATH or cmd:COMMAND; a secret that was written down here should be replaced"
	// maxSecret bounds what a reference may lead to.
	maxSecret = 64 << 10
)

var (
	envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

	errNotRef   = errors.New("not a reference to a secret; a secret itself must not stand in this file")
	errEnvName  = errors.New("env: is not followed by the name of a variable")
	errRefEmpty = errors.New("nothing follows the colon")
	errNotSet   = errors.New("is not set")
	errEmpty    = errors.New("is empty")
	errOpen     = errors.New("may be read by everybody")
)

// check reports a reference that cannot be resolved, without repeating it.
func (r SecretRef) check() error {
	scheme, rest, _ := strings.Cut(string(r), ":")
	switch {
	case scheme != "env" && scheme != "file" && scheme != "cmd" || string(r) == scheme:
		return errNotRef
	case strings.TrimSpace(rest) == "":
		return errRefEmpty
	case scheme == "env" && !envName.MatchString(rest):
		return errEnvName
	}
	return nil
}

// Resolve fetches the secret. lookup finds environment variables. No error
// carries the value; one of a command is a *CommandError.
func (r SecretRef) Resolve(ctx context.Context, lookup func(string) (string, bool)) (Secret, error) {
	if err := r.check(); err != nil {
		return Secret{}, withHint(err, refHint)
	}
	scheme, rest, _ := strings.Cut(string(r), ":")
	var value string
	var err error
	switch scheme {
	case "env":
		value, err = fromEnv(rest, lookup)
	case "file":
		value, err = fromFile(rest)
	case "cmd":
		value, err = fromCommand(ctx, rest)
	}
	if err == nil && value == "" {
		err = withHint(errEmpty, "put the secret there")
	}
	if err != nil {
		return Secret{}, fmt.Errorf("%s %w", r.Shown(), err)
	}
	return NewSecret(value), nil
}

// Shown is the reference as people are told it. Of a command only the program
// is shown, because an argument may be a secret.
func (r SecretRef) Shown() string {
	if command, ok := strings.CutPrefix(string(r), "cmd:"); ok {
		words := strings.Fields(command)
		if len(words) > 1 {
			return "cmd:" + words[0] + " …"
		}
	}
	return string(r)
}

func fromEnv(name string, lookup func(string) (string, bool)) (string, error) {
	value, ok := lookup(name)
	if !ok {
		return "", withHint(errNotSet, "export "+name+" before you start k3sedge")
	}
	return value, nil
}

// fromFile takes one line break from the end, which editors put there.
func fromFile(path string) (string, error) {
	data, mode, err := readRegular(path, maxSecret)
	if err != nil {
		return "", withHint(fmt.Errorf("cannot be read: %w", err), fileHint(err))
	}
	if mode&0o007 != 0 {
		return "", withHint(errOpen, "chmod 600 "+path)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

func fromCommand(ctx context.Context, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A child of the shell may hold the pipes open after the shell was killed.
	cmd.WaitDelay = 100 * time.Millisecond
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("was not finished: %w", context.Cause(ctx))
	}
	value := strings.TrimSpace(stdout.String())
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		failed := &CommandError{Code: exit.ExitCode(), Stderr: withoutValue(stderr.String(), value)}
		return "", withHint(fmt.Errorf("failed: %w", failed), "run the command by hand to see why")
	}
	if err != nil {
		return "", fmt.Errorf("could not be run: %w", err)
	}
	return value, nil
}

// withoutValue masks the lines of value in what a command wrote beside it.
func withoutValue(text, value string) string {
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			text = strings.ReplaceAll(text, line, "***")
		}
	}
	return text
}
