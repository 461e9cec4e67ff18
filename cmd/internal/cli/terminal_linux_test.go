package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a real one, with a program on it.
type terminal struct {
	t       *testing.T
	master  *os.File
	program *exec.Cmd

	mu     sync.Mutex
	screen bytes.Buffer
}

// openTerminal makes a terminal: the end of its user, and that of programs.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("left out: no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	slave, openErr := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err := errors.Join(err, openErr, unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() }) // a second time, where a program was given it
	return master, slave
}

// onTerminal starts k3sedge as a shell in a terminal would.
func onTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	master, slave := openTerminal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, master: master}
	p.program = &exec.Cmd{
		Path: self, Args: append([]string{"k3sedge"}, args...), Dir: dir, Stdin: slave, Stdout: slave, Stderr: slave,
		Env:         append(os.Environ(), "TERM=xterm", "SSH_AUTH_SOCK=", "NO_COLOR="),
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true},
	}
	if err := errors.Join(p.program.Start(), slave.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.program.Process.Kill() })
	go p.read()
	return p
}

func (p *terminal) read() {
	chunk := make([]byte, 4096)
	for {
		n, err := p.master.Read(chunk)
		p.mu.Lock()
		p.screen.Write(chunk[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *terminal) shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.String()
}

// until waits for what has to happen.
func (p *terminal) until(what string, happened func() bool) {
	p.t.Helper()
	for limit := time.Now().Add(patience); !happened(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			p.t.Fatalf("%s: not so after %s; the terminal shows %q", what, patience, p.shown())
		}
	}
}

func (p *terminal) awaitText(text string) {
	p.t.Helper()
	p.until("text "+text, func() bool { return strings.Contains(p.shown(), text) })
}

func (p *terminal) write(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// echoes reports whether the terminal shows what is typed.
func (p *terminal) echoes() bool {
	p.t.Helper()
	settings, err := unix.IoctlGetTermios(int(p.master.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

// ends wants the program's exit code.
func (p *terminal) ends(want int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.program.Process.Kill() })
	defer stop()
	_ = p.program.Wait() // the code says it
	if got := p.program.ProcessState.ExitCode(); got != want {
		p.t.Errorf("exit code %d, want %d; the terminal shows %q", got, want, p.shown())
	}
}

const ctrlC = "\x03"

func TestCtrlCEndsAQuestion(t *testing.T) {
	t.Parallel()
	w := &world{t: t, dir: t.TempDir()}
	w.startNode("")
	p := onTerminal(t, w.dir, "trust", "edge-1")
	p.awaitText("is this the node's key? (yes/no): ")
	p.write(ctrlC)
	p.ends(exitFailed)
	p.awaitText("\r\nerror: interrupted")
}

// TestWidthOfATerminal: one that does not know its width is not a narrow one.
func TestWidthOfATerminal(t *testing.T) {
	t.Parallel()
	master, slave := openTerminal(t)
	for columns, want := range map[uint16]int{0: 80, 3: 20, 100: 100} {
		if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
			t.Fatal(err)
		}
		if got := widthOf(slave); got != want {
			t.Errorf("a terminal of %d columns is used with %d", columns, got)
		}
	}
	if file, err := os.Open(os.DevNull); err != nil || widthOf(file) != 0 {
		t.Errorf("what is no terminal has a width: %v", err)
	}
}

func TestAnswersAtATerminal(t *testing.T) {
	t.Parallel()
	w := &world{t: t, dir: t.TempDir()}
	w.startNode("")
	p := onTerminal(t, w.dir, "trust", "edge-1")
	p.awaitText("(yes/no): ")
	p.write("yes\n")
	p.ends(exitOK)
	p.awaitText("pinned SHA256:")
}

func TestPassphraseIsNotShown(t *testing.T) {
	t.Parallel()
	w := &world{t: t, dir: t.TempDir()}
	w.startNode(canary)
	trust := onTerminal(t, w.dir, "trust", "edge-1")
	trust.awaitText("(yes/no): ")
	trust.write("yes\n")
	trust.ends(exitOK)

	typed := onTerminal(t, w.dir, "up", "--plan")
	typed.awaitText("passphrase of id: ")
	typed.until("the echo is off", func() bool { return !typed.echoes() })
	typed.write(canary + "\n")
	typed.awaitText("machine/ready")
	typed.ends(exitUnknown) // there is no node agent
	if !typed.echoes() || strings.Contains(typed.shown(), canary) {
		t.Errorf("echo %v afterwards, shown %q", typed.echoes(), typed.shown())
	}
	if !strings.Contains(typed.shown(), "\x1b[1mmachines") {
		t.Errorf("no colour on a terminal: %q", typed.shown())
	}

	stopped := onTerminal(t, w.dir, "up", "--plan")
	stopped.awaitText("passphrase of id: ")
	stopped.until("the echo is off", func() bool { return !stopped.echoes() })
	stopped.write(ctrlC)
	stopped.until("the program has ended and the echo is on again", stopped.echoes)
	_ = stopped.program.Wait()
	if code := stopped.program.ProcessState.ExitCode(); code != exitUnknown {
		t.Errorf("interrupted, and exit code %d", code)
	}
	if stopped.awaitText("error: "); strings.Contains(stopped.shown(), "passphrase of id: error: ") {
		t.Errorf("the error stands behind the question: %q", stopped.shown())
	}

	finishing := onTerminal(t, w.dir, "up")
	finishing.awaitText("passphrase of id: ")
	finishing.until("the echo is off", func() bool { return !finishing.echoes() })
	finishing.write(ctrlC)
	finishing.awaitText("finishing this step")
	if strings.Contains(finishing.shown(), "passphrase of id: finishing") {
		t.Errorf("told behind the question: %q", finishing.shown())
	}
	finishing.write(ctrlC)
	finishing.ends(exitFailed)
}
