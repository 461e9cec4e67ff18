//go:build linux

package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// daemonWait is how long the daemon may take until it answers.
const daemonWait = 15 * time.Second

// Serve is the daemon: the stand-in for Proxmox, the web server, and the
// machines. It runs in the LAN namespace until ctx ends; machines stay.
func (l *Lab) Serve(ctx context.Context, imagePath string) error {
	img, err := loadImage(filepath.Dir(imagePath))
	if err != nil {
		return err
	}
	flt, err := newFleet(l)
	if err != nil {
		return err
	}
	a, err := l.access()
	if err != nil {
		return err
	}
	token := rand.Text()
	pve, err := fakepve.New(fakepve.Options{
		StateDir: filepath.Join(l.state, "proxmox"), Node: node, Addresses: []net.IP{net.ParseIP(HypervisorIP)},
		Access: a, Hypervisor: flt, Disks: flt, LabToken: token,
	})
	if err != nil {
		return err
	}
	defer pve.Close()
	cloud, err := l.newCloud()
	if err != nil {
		return err
	}
	return l.serveAll(ctx, &daemon{lab: l, fleet: flt, pve: pve, cloud: cloud, image: img, token: token})
}

// service is a part of the daemon; it ends when its context does.
type service func(context.Context) error

// serveAll opens all doors, the control socket last: once that answers,
// everything does.
func (l *Lab) serveAll(ctx context.Context, d *daemon) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	services, err := l.openDoors(d)
	if err != nil {
		return err
	}
	control, err := l.openControl()
	if err != nil {
		return err
	}
	services = append(services, func(ctx context.Context) error { return serveHTTP(ctx, control, d.control()) })
	ended := make(chan error, len(services))
	for _, serve := range services {
		go func() { ended <- serve(ctx) }()
	}
	for range services {
		err = errors.Join(err, <-ended)
		cancel()
	}
	return err
}

// openDoors opens what machines and the operator come to.
func (l *Lab) openDoors(d *daemon) ([]service, error) {
	api, err := net.Listen("tcp4", net.JoinHostPort(HypervisorIP, "8006"))
	if err != nil {
		return nil, fmt.Errorf("open the stand-in's port: %w", err)
	}
	web, err := net.Listen("tcp4", net.JoinHostPort(WebIP, "80"))
	if err != nil {
		return nil, fmt.Errorf("open the web server's port: %w", err)
	}
	services, err := cloudDoors(d.cloud)
	if err != nil {
		return nil, err
	}
	acme, err := l.acme()
	if err != nil {
		return nil, err
	}
	if acme != nil {
		services = append(services, acme)
	}
	return append(services, serveBackends,
		func(ctx context.Context) error { return d.pve.Serve(ctx, api) },
		func(ctx context.Context) error { return serveHTTP(ctx, web, imageHandler(d.image)) }), nil
}

// openControl opens the socket by which the daemon is given orders.
func (l *Lab) openControl() (net.Listener, error) {
	if err := os.Remove(l.socket()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove old control socket: %w", err)
	}
	control, err := net.Listen("unix", l.socket())
	if err == nil {
		err = os.Chmod(l.socket(), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return control, nil
}

// serveHTTP answers on a listener until ctx ends.
func serveHTTP(ctx context.Context, listener net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}

// imageHandler serves the image and its sum, whole or in ranges.
func imageHandler(img Image) http.Handler {
	mux := http.NewServeMux()
	for _, name := range []string{imageName, imageName + ".sha512"} {
		path := filepath.Join(filepath.Dir(img.Path), name)
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	}
	return mux
}

// daemonRecord is where the daemon's process is written down.
func (l *Lab) daemonRecord() string { return filepath.Join(l.state, "daemon.json") }

// daemonMark is the argument by which the daemon is recognised.
func (l *Lab) daemonMark() string { return "--daemon=" + l.state }

// startDaemon starts the daemon in the LAN namespace and waits until it
// answers.
func (l *Lab) startDaemon(ctx context.Context, img Image) error {
	if err := l.stopDaemon(ctx); err != nil { // one that hangs
		return err
	}
	program, err := l.findProgram()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(l.logPath(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the daemon's log: %w", err)
	}
	defer log.Close()
	// Only the network is the LAN's: mounts have to be seen by everybody.
	cmd := exec.Command("nsenter", "--net="+namespacePath(l.plan.lan()), "--", program, "--name", l.plan.name,
		"--state", l.base, "--cache", l.cache, "serve", l.daemonMark(), "--image", img.Path, "--bundle", l.bundle, "--machines", l.machines())
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	p, err := identify(cmd.Process.Pid, l.daemonMark())
	if err == nil {
		err = saveProcess(l.daemonRecord(), p)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start the daemon: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	return l.awaitDaemon(ctx, gone)
}

// logPath is where the daemon writes what happens.
func (l *Lab) logPath() string { return filepath.Join(l.state, "daemon.log") }

// awaitDaemon waits until the daemon answers; if it ends, its last words say why.
func (l *Lab) awaitDaemon(ctx context.Context, gone <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, daemonWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s, err := l.Status(ctx); err == nil && s.Up {
			return nil
		}
		select {
		case <-gone:
			log, _ := os.ReadFile(l.logPath())
			return fmt.Errorf("the lab's daemon ended: %s", lastLine(log))
		case <-ctx.Done():
			return machine.WithHint(fmt.Errorf("wait for the lab's daemon: %w", ctx.Err()), "its log is %s", l.logPath())
		case <-tick.C:
		}
	}
}

func lastLine(log []byte) string {
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return string(lines[len(lines)-1])
}

// stopDaemon ends the daemon, the recorded one and any other of this lab.
func (l *Lab) stopDaemon(ctx context.Context) error {
	pids, err := processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if !hasArgument(pid, l.daemonMark()) {
			continue
		}
		if p, err := identify(pid, l.daemonMark()); err == nil {
			if err := p.end(ctx, unix.SIGTERM, 5*time.Second); err != nil {
				return fmt.Errorf("stop the lab's daemon: %w", err)
			}
		}
	}
	return nil
}

// findProgram finds the binary that becomes the daemon.
func (l *Lab) findProgram() (string, error) {
	if l.program != "" {
		return filepath.Abs(l.program)
	}
	self, err := os.Executable()
	if err == nil && strings.HasPrefix(filepath.Base(self), "k3sedge-lab") {
		return self, nil
	}
	found, err := exec.LookPath("k3sedge-lab")
	if err != nil {
		return "", machine.WithHint(fmt.Errorf("find the lab's program: %w", err), "make build, then put bin into PATH")
	}
	return filepath.Abs(found)
}
