package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// canary stands for every secret of a script: the API token's and the
// passphrase. No output may ever hold it.
const canary = "5ec2e7ca-0000-4a4a-8000-c0ffee5ec2e7"

// patience is how long a script waits for what happens in the background. It
// is only ever waited to the end in a test that fails.
const patience = 30 * time.Second

// exitLeak ends a program that has shown a secret.
const exitLeak = 99

// The environment variables by which a script steers its k3sedge.
const (
	envTerminal = "TEST_TERMINAL"  // width of a terminal that is pretended
	envCodes    = "TEST_EXIT_CODE" // file into which the exit code is written
	envToday    = "TEST_TODAY"     // the day on which it runs
)

// TestMain lets the test's own program be k3sedge, when a script starts it as that.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"k3sedge": program, "k3snode": k3sNode})
}

func program() {
	s := System()
	s.Out, s.Err = &guard{to: os.Stdout}, &guard{to: os.Stderr}
	if width, err := strconv.Atoi(os.Getenv(envTerminal)); err == nil {
		s.Width = func() int { return width }
		s.AskSecret = askCanary
	} else if widthOf(os.Stderr) > 0 {
		s.Err = os.Stderr // a test that made a real terminal looks itself
	}
	if today, err := time.Parse(time.DateOnly, os.Getenv(envToday)); err == nil {
		s.Now = func() time.Time { return today }
	}
	code := Main(context.Background(), os.Args, s)
	if name := os.Getenv(envCodes); name != "" {
		if err := os.WriteFile(name, []byte(strconv.Itoa(code)+"\n"), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = exitLeak
		}
	}
	os.Exit(code)
}

// askCanary reads a line like the secret, for which scripts write CANARY.
func askCanary() ([]byte, error) {
	line, err := io.ReadAll(os.Stdin)
	return bytes.ReplaceAll(bytes.TrimSpace(line), []byte("CANARY"), []byte(canary)), err
}

// guard ends the program when a secret goes through it.
type guard struct {
	to   io.Writer
	tail []byte // of what went through, for a secret in two pieces
}

// Write passes p on.
func (g *guard) Write(p []byte) (int, error) {
	seen := append(g.tail, p...)
	for _, secret := range []string{canary, "PRIVATE KEY"} {
		if bytes.Contains(seen, []byte(secret)) {
			fmt.Fprintf(os.Stderr, "TEST: a secret is in the output: %q\n", bytes.ReplaceAll(seen, []byte(canary), []byte("CANARY")))
			os.Exit(exitLeak)
		}
	}
	g.tail = bytes.Clone(seen[max(0, len(seen)-len(canary)):])
	return g.to.Write(p)
}
