package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// ErrEnded is returned when a part ended that should run for ever.
var ErrEnded = errors.New("has ended")

// stopping is how long a part may take to end when it is asked to.
const stopping = 2 * time.Second

// Process is a part that runs as a child of this process.
type Process struct {
	Name  string // the hidden command
	Args  []string
	Limit string // GOMEMLIMIT
	GOGC  int
	Out   io.Writer
}

// Run starts the part and waits until ctx ends or the part does.
func (p Process) Run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	logrus.Infof("Running %s %s", p.Name, strings.Join(p.Args, " "))
	cmd := exec.CommandContext(ctx, self, append([]string{p.Name}, p.Args...)...)
	cmd.Stdout, cmd.Stderr = p.Out, p.Out
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GOMEMLIMIT=" + p.Limit, "GOGC=" + strconv.Itoa(p.GOGC)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopping
	// The kernel sends the death signal when the thread ends that started the
	// child, not the process: the thread is kept.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s %w", p.Name, ErrEnded)
	}
	return fmt.Errorf("%s %w: %w", p.Name, ErrEnded, err)
}
