package ssh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

var (
	// errCloudInit is a first boot that failed; final.
	errCloudInit = errors.New("cloud-init failed")
	// errCloudInitRunning is a first boot that goes on; look again.
	errCloudInitRunning = errors.New("not finished")
)

// noProgram is a POSIX shell's exit code for a program that is not there.
const noProgram = 127

// cloudInitStatus is the part of cloud-init's answer that has not changed
// between its versions.
type cloudInitStatus struct {
	Status string   `json:"status"`
	Detail string   `json:"detail"`
	Errors []string `json:"errors"`
}

// cloudInitDone looks whether the first boot is over. A machine without
// cloud-init, or with it disabled, has none.
func (h *Host) cloudInitDone(ctx context.Context) error {
	// Our machines have it switched off after their first boot. To say so
	// itself, cloud-init takes half a second of a processor at each run.
	var exit *machine.ExitError
	if _, err := h.Query(ctx, machine.CloudInitOff()); err == nil || !errors.As(err, &exit) {
		return err
	}
	out, err := h.Query(ctx, machine.CloudInitStatus())
	if err = judgeCloudInit(out.Stdout, err); err == nil || machine.StateOf(err) != "" {
		return err
	}
	if errors.Is(err, errCloudInit) || errors.Is(err, errCloudInitRunning) {
		return h.cfg.unreachable(machine.CloudInit, err)
	}
	return err
}

// judgeCloudInit reads the answer rather than the exit code, which is 1 for
// a failure and 2 for a success with warnings.
func judgeCloudInit(answer []byte, err error) error {
	var exit *machine.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if exit != nil && exit.Code == noProgram {
		return nil
	}
	var s cloudInitStatus
	if bad := json.Unmarshal(answer, &s); bad != nil {
		return machine.WithHint(errors.Join(fmt.Errorf("read cloud-init's status: %w", bad), err), "run `cloud-init status --format json` on the machine: k3sedge needs cloud-init 22.4 or newer, or none")
	}
	switch s.Status {
	case "done", "disabled":
		return nil
	case "error":
		return fmt.Errorf("%w: %s", errCloudInit, s.reason())
	}
	return fmt.Errorf("%w: status %q", errCloudInitRunning, s.Status)
}

func (s cloudInitStatus) reason() string {
	if len(s.Errors) > 0 {
		return strings.Join(s.Errors, "; ")
	}
	if s.Detail != "" {
		return s.Detail
	}
	return "without a reason; see /var/log/cloud-init-output.log"
}
