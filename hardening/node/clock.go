package node

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// kernelClock asks the kernel without a word to any daemon: whichever one
// keeps the time tells the kernel whether it does.
func kernelClock() (facts.Clock, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return facts.Clock{}, fmt.Errorf("ask the kernel for its clock: %w", err)
	}
	synchronized := state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
	return facts.Clock{Synchronized: synchronized, MaxError: int64(t.Maxerror)}, nil
}

func (h Host) clock() (*facts.Clock, error) {
	c, err := h.Clock()
	if err != nil {
		return nil, err
	}
	return &c, nil
}
