package sshtest

import (
	"errors"
	"io"
	"os/exec"
	"sync"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// path is what Debian's sshd gives a login.
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// session is one session channel: a command, or SFTP.
func (s *Server) session(channel ssh.NewChannel) {
	if !s.hasRoom() {
		_ = channel.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	ch, requests, err := channel.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	run := &command{server: s, channel: ch}
	for r := range requests {
		ok := run.handle(r)
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if ok && run.begin != nil {
			// After the reply, which a client expects before any output.
			s.running.Go(run.begin)
			run.begin = nil
		}
	}
}

// command is what a session runs.
type command struct {
	server  *Server
	channel ssh.Channel
	begin   func()

	mu      sync.Mutex
	process *exec.Cmd
}

func (c *command) handle(r *ssh.Request) bool {
	var word struct{ Value string }
	switch r.Type {
	case "exec", "subsystem", "signal":
		if err := ssh.Unmarshal(r.Payload, &word); err != nil {
			return false
		}
	default:
		return false
	}
	switch {
	case r.Type == "exec":
		c.begin = func() { c.exec(word.Value) }
	case r.Type == "subsystem" && word.Value == "sftp" && !c.server.look().noSFTP:
		c.begin = c.sftp
	case r.Type == "signal" && ssh.Signal(word.Value) == ssh.SIGTERM:
		return c.kill(syscall.SIGTERM)
	default:
		return false
	}
	return true
}

func (c *command) sftp() {
	defer c.channel.Close()
	server, err := sftp.NewServer(c.channel, sftp.WithServerWorkingDirectory(c.server.Home))
	if err == nil {
		_ = server.Serve()
	}
}

// exec runs a line as sshd does: by the login shell, in a process group of
// its own, which lives on when the connection breaks.
func (c *command) exec(line string) {
	defer c.channel.Close()
	s := c.server
	if out, ok := s.cannedFor(line); ok {
		_, err := c.channel.Write(out)
		c.tellExit(err)
		return
	}
	p := exec.Command("/bin/sh", "-c", line)
	p.Dir = s.Home
	p.Env = []string{"PATH=" + s.shims.dir + ":" + path, "HOME=" + s.Home, "USER=" + User, "SHELL=/bin/sh"}
	p.Stdout, p.Stderr = c.channel, c.channel.Stderr()
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := p.StdinPipe()
	if err != nil {
		return
	}
	s.mu.Lock()
	s.commands = append(s.commands, line)
	s.mu.Unlock()
	c.mu.Lock()
	err = p.Start()
	c.process = p
	c.mu.Unlock()
	if err != nil {
		return
	}
	ended := make(chan struct{})
	s.running.Go(func() {
		select {
		case <-s.done:
			c.kill(syscall.SIGKILL)
		case <-ended:
		}
	})
	go func() {
		_, _ = io.Copy(stdin, c.channel)
		_ = stdin.Close()
	}()
	err = p.Wait()
	close(ended)
	c.tellExit(err)
}

func (c *command) kill(signal syscall.Signal) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process != nil && c.process.Process != nil && syscall.Kill(-c.process.Process.Pid, signal) == nil
}

func (c *command) tellExit(err error) {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		_, _ = c.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{0}))
		return
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		name := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGKILL: "KILL", syscall.SIGINT: "INT"}[status.Signal()]
		_, _ = c.channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal  string
			Core    bool
			Message string
			Lang    string
		}{name, false, "", ""}))
		return
	}
	_, _ = c.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(exit.ExitCode())}))
}
