//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// Status looks at the lab. One that is not up is no error.
func (l *Lab) Status(ctx context.Context) (Status, error) {
	s := Status{Name: l.plan.name, Machines: []MachineStatus{}}
	err := l.call(ctx, "GET", "/status", nil, &s)
	if err == nil {
		return s, nil
	}
	if !isDown(err) {
		return Status{}, err
	}
	if s.Left, err = l.leftovers(); err != nil {
		return Status{}, err
	}
	return s, nil
}

// isDown tells a lab without a daemon from one whose daemon is in trouble. A
// daemon that died while it was asked is none.
func isDown(err error) bool {
	for _, gone := range []error{fs.ErrNotExist, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// order is call for what needs the lab to be up.
func (l *Lab) order(ctx context.Context, method, path string, body, result any) error {
	err := l.call(ctx, method, path, body, result)
	if err != nil && isDown(err) {
		err := fmt.Errorf("lab %s is not up", l.plan.name)
		return machine.WithHint(err, "k3sedge-lab --name %s up", l.plan.name)
	}
	return err
}

// Restart restarts a machine by its number or name: politely, or without
// asking if it does not obey within ten seconds.
func (l *Lab) Restart(ctx context.Context, name string) error {
	return l.order(ctx, "POST", "/restart/"+name, nil, nil)
}

// Fault adds faults to the stand-in: JSON of one fakepve.Fault or a list.
func (l *Lab) Fault(ctx context.Context, faults json.RawMessage) error {
	if !json.Valid(faults) {
		return machine.WithHint(errors.New("read the fault: not JSON"), `for example {"kind":"delay","delay":"2s","path":"^/version$"}`)
	}
	return l.order(ctx, "POST", "/lab/faults", faults, nil)
}

// ClearFaults removes all faults from the stand-in.
func (l *Lab) ClearFaults(ctx context.Context) error {
	return l.order(ctx, "DELETE", "/lab/faults", nil, nil)
}

// Calls lists the requests that the stand-in was sent since ForgetCalls.
func (l *Lab) Calls(ctx context.Context) ([]fakepve.Call, error) {
	var answer struct{ Data []fakepve.Call }
	err := l.order(ctx, "GET", "/lab/calls", nil, &answer)
	return answer.Data, err
}

// ForgetCalls empties that list.
func (l *Lab) ForgetCalls(ctx context.Context) error {
	return l.order(ctx, "DELETE", "/lab/calls", nil, nil)
}

// AddMachine boots a machine that Proxmox knows nothing of, for the provider
// existing and as a stranger's machine on an address.
func (l *Lab) AddMachine(ctx context.Context, p Plain) error {
	if err := p.check(); err != nil {
		return err
	}
	return l.order(ctx, "POST", "/machines", p, nil)
}
