package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a container that runs, or ran.
type process struct {
	pid    int
	start  uint64        // in the kernel's ticks: a PID alone is used again
	done   chan struct{} // closed at its end
	code   int           // after done
	signal int
}

// lostCode is the exit code of a process whose end nobody saw.
const lostCode = 255

// launch starts a container. What it prints goes to the log file at once, so
// that it needs nobody who reads, and outlives k3s.
func launch(s sandbox, specFile, logFile string) (*process, error) {
	content, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("describe the container: %w", err)
	}
	if err := os.MkdirAll(s.Scratch, 0o700); err != nil {
		return nil, fmt.Errorf("make room for the container: %w", err)
	}
	// It holds the environment, and with it secrets.
	if err := os.WriteFile(specFile, content, 0o600); err != nil {
		return nil, fmt.Errorf("describe the container: %w", err)
	}
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the container's log: %w", err)
	}
	defer out.Close()
	cmd := exec.Command("/proc/self/exe", ContainCommand, specFile)
	cmd.Env = []string{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the container: %w", err)
	}
	start, _ := startTime(cmd.Process.Pid) // 0 if it is gone already, which is never adopted
	p := &process{pid: cmd.Process.Pid, start: start, done: make(chan struct{})}
	go func() {
		err := cmd.Wait()
		p.ended(cmd.ProcessState, err)
		close(p.done)
	}()
	return p, nil
}

func (p *process) ended(state *os.ProcessState, err error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.code = lostCode
		return
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		p.signal = int(status.Signal())
		p.code = 128 + p.signal
		return
	}
	p.code = state.ExitCode()
}

// adopt takes over a process that an earlier k3s started, if it is still that one.
func adopt(pid int, start uint64) (*process, bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, false
	}
	if now, err := startTime(pid); err != nil || start == 0 || now != start {
		unix.Close(fd)
		return nil, false
	}
	p := &process{pid: pid, start: start, done: make(chan struct{}), code: lostCode}
	go func() {
		defer close(p.done)
		defer unix.Close(fd)
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	return p, true
}

// startTime is the 22nd field of /proc/PID/stat; the second may hold anything.
func startTime(pid int) (uint64, error) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("stat of process %d is cut off", pid)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop asks the process to end, and after the grace makes it.
func (p *process) stop(grace time.Duration) {
	if !p.running() {
		return
	}
	syscall.Kill(p.pid, syscall.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(grace):
	}
	syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.done
}
