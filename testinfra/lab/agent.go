//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// agentWait is how long a guest agent may think about one order. One that is
// not there is known at once.
const agentWait = 10 * time.Second

// guestAgent talks to the agent in a machine.
type guestAgent func(ctx context.Context, order string) ([]byte, error)

// agent is that of a domain.
func (v virt) agent(name string) guestAgent {
	return func(ctx context.Context, order string) ([]byte, error) {
		return v.virsh(ctx, "qemu-agent-command", "--timeout", strconv.Itoa(int(agentWait.Seconds())), name, order)
	}
}

// agentOrder is what the agent is told.
type agentOrder struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
}

type agentExec struct {
	Path    string   `json:"path"`
	Args    []string `json:"arg"`
	Input   []byte   `json:"input-data,omitempty"`
	Capture bool     `json:"capture-output"`
}

// agentEnd is what it says of a program that it started.
type agentEnd struct {
	Exited bool   `json:"exited"`
	Exit   int    `json:"exitcode"`
	Signal int    `json:"signal"`
	Stdout []byte `json:"out-data"`
	Stderr []byte `json:"err-data"`
}

// ask gives an order and reads the answer into result. An agent that does not
// answer is fakepve.ErrNoAgent, one that refuses is another error.
func (a guestAgent) ask(ctx context.Context, o agentOrder, result any) error {
	order, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("ask the guest agent: %w", err)
	}
	answer, err := a(ctx, string(order))
	if err != nil {
		if _, dead := a(ctx, `{"execute":"guest-ping"}`); dead != nil {
			return fakepve.ErrNoAgent
		}
		return fmt.Errorf("ask the guest agent: %w", err)
	}
	return readAnswer(answer, result)
}

// readAnswer takes the result out of an agent's answer.
func readAnswer(answer []byte, result any) error {
	var whole struct {
		Return json.RawMessage `json:"return"`
	}
	if err := json.Unmarshal(answer, &whole); err != nil {
		return fmt.Errorf("read the guest agent's answer: %w", err)
	}
	if whole.Return == nil {
		return errors.New("read the guest agent's answer: it has no result")
	}
	if err := json.Unmarshal(whole.Return, result); err != nil {
		return fmt.Errorf("read the guest agent's answer: %w", err)
	}
	return nil
}

// run runs a program in the machine and waits for its end.
func (a guestAgent) run(ctx context.Context, c fakepve.Command) (fakepve.Result, error) {
	if len(c.Argv) == 0 {
		return fakepve.Result{}, fakepve.ErrNoAgent
	}
	args := append([]string{"-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, c.Argv...)
	var started struct {
		PID int `json:"pid"`
	}
	start := agentOrder{"guest-exec", agentExec{Path: "/usr/bin/env", Args: args, Input: c.Stdin, Capture: true}}
	if err := a.ask(ctx, start, &started); err != nil {
		return fakepve.Result{}, err
	}
	// Each question is a line in the machine's journal, and work for it.
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		var end agentEnd
		if err := a.ask(ctx, agentOrder{"guest-exec-status", started}, &end); err != nil {
			return fakepve.Result{}, err
		}
		switch {
		case end.Exited && end.Signal != 0:
			return fakepve.Result{}, fmt.Errorf("run %s in the machine: ended by signal %d", c.Argv[0], end.Signal)
		case end.Exited:
			return fakepve.Result{Exit: end.Exit, Stdout: end.Stdout, Stderr: end.Stderr}, nil
		}
		select {
		case <-ctx.Done():
			return fakepve.Result{}, fmt.Errorf("run %s in the machine: %w", c.Argv[0], ctx.Err())
		case <-time.After(pause):
		}
	}
}

// addresses are those of IPv4 in the machine, without its loopback; none while
// it boots.
func (a guestAgent) addresses(ctx context.Context) []string {
	var links []struct {
		Name      string `json:"name"`
		Addresses []struct {
			Family string `json:"ip-address-type"`
			IP     string `json:"ip-address"`
		} `json:"ip-addresses"`
	}
	if a.ask(ctx, agentOrder{Execute: "guest-network-get-interfaces"}, &links) != nil {
		return nil
	}
	var found []string
	for _, l := range links {
		for _, ip := range l.Addresses {
			if l.Name != "lo" && ip.Family == "ipv4" {
				found = append(found, ip.IP)
			}
		}
	}
	return found
}
