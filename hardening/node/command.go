package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Exit codes of the agent; those that its caller has to tell apart stand in facts.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

const usage = `usage:
  k3sedge-node facts          < request.json      what this host is like, as JSON
  k3sedge-node apply          < transaction.json  change it, until confirmed
  k3sedge-node confirm ID                         keep the change
  k3sedge-node rollback ID                        take it back
  k3sedge-node rollback --boot                    take back whatever waits
exit codes: 0 done, 1 failed, 2 usage, 5 another transaction is in the way,
            6 the transaction to confirm is not in force
`

// factsTime ends a look at a host whose programs hang.
const factsTime = 2 * time.Minute

// deepTime is for a look that walks the disks as well.
const deepTime = 10 * time.Minute

// maxInput is the largest document that is read.
const maxInput = 16 << 20

// Streams are where the agent reads and answers.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// errUsage is a command line or an input that cannot be understood.
var errUsage = errors.New("usage")

// Main runs the agent's command line and returns its exit code. The answer is
// one JSON document on Out; a failure is one line or more on Err.
func Main(ctx context.Context, h Host, args []string, s Streams) int {
	answer, err := dispatch(ctx, h, args, s.In)
	if err == nil {
		err = json.NewEncoder(s.Out).Encode(answer)
	}
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, errUsage):
		fmt.Fprintf(s.Err, "k3sedge-node: %v\n%s", err, usage)
		return ExitUsage
	}
	fmt.Fprintf(s.Err, "k3sedge-node: %v\n", err)
	switch {
	case errors.Is(err, ErrPending):
		return facts.ExitPending
	case errors.Is(err, ErrNotPending):
		return facts.ExitNotPending
	}
	return ExitFailed
}

func dispatch(ctx context.Context, h Host, args []string, in io.Reader) (any, error) {
	switch {
	case len(args) == 1 && args[0] == "facts":
		var r facts.Request
		if err := decode(in, &r); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, timeFor(r))
		defer cancel()
		return Collect(ctx, h, r), nil
	case len(args) == 1 && args[0] == "apply":
		var t facts.Transaction
		if err := decode(in, &t); err != nil {
			return nil, err
		}
		return Apply(ctx, h, t)
	case len(args) == 2 && args[0] == "confirm":
		return Confirm(ctx, h, args[1])
	case len(args) == 2 && args[0] == "rollback":
		id := args[1]
		if id == "--boot" {
			id = ""
		}
		// Nobody may stop the way back half way by closing a terminal.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
		defer cancel()
		return Rollback(ctx, h, id)
	}
	return nil, fmt.Errorf("%w: unknown command %q", errUsage, args)
}

// timeFor ends a look.
func timeFor(r facts.Request) time.Duration {
	if r.Deep {
		return deepTime
	}
	return factsTime
}

// decode reads one document and nothing after it. A key that this agent does
// not know is refused: it could be the one that matters.
func decode(in io.Reader, into any) error {
	d := json.NewDecoder(io.LimitReader(in, maxInput))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: read standard input: %w", errUsage, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one document on standard input", errUsage)
	}
	return nil
}
