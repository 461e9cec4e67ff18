package look

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// The programs that are run, where Debian has them. They are never looked for
// in PATH, which belongs to whoever called sudo.
const (
	systemctl  = "/usr/bin/systemctl"
	journalctl = "/usr/bin/journalctl"
	nft        = "/usr/sbin/nft"
)

// outputPatience is how long the output of a program that was ended is waited
// for: a child of its own may hold it open for ever.
const outputPatience = time.Second

// host is the machine that is looked at: its files and its programs, so that a
// test can put others in their place.
type host struct {
	root string // before every path; "" on a real host
	run  func(ctx context.Context, argv ...string) (string, error)
}

// Here looks at the machine that it runs on, at everything at once. What the
// end of ctx cuts short says so in its place.
func Here(ctx context.Context, r Request) Answer {
	return host{run: runProgram}.look(ctx, r)
}

func (h host) look(ctx context.Context, r Request) Answer {
	a := Answer{Version: Version, Time: time.Now(), Arch: runtime.GOARCH}
	var sysctls, ports, units, counters, links error
	var parts sync.WaitGroup
	parts.Go(func() { a.Files = each(r.Files, func(q FileQuery) (string, File) { return q.Path, h.file(ctx, q) }) })
	parts.Go(func() {
		a.Spaces = each(r.Spaces, func(folder string) (string, Space) { return folder, h.space(folder) })
	})
	parts.Go(func() { a.Dials = dials(ctx, r.Dials) })
	parts.Go(func() { a.Sysctls, sysctls = h.sysctls(r.Sysctls) })
	parts.Go(func() { a.Units, a.Journals, units = h.units(ctx, r.Units, r.Journals) })
	if r.Ports {
		parts.Go(func() { a.Ports, ports = h.ports() })
	}
	if r.Counters {
		parts.Go(func() { a.Counters, counters = h.counters(ctx) })
	}
	if r.Interfaces {
		parts.Go(func() { a.Interfaces, links = interfaces() })
	}
	parts.Wait()
	for part, err := range map[string]error{"sysctls": sysctls, "ports": ports, "units": units, "counters": counters, "interfaces": links} {
		if err != nil {
			a.fail(part, err)
		}
	}
	return a
}

func (a *Answer) fail(part string, err error) {
	if a.Failed == nil {
		a.Failed = map[string]string{}
	}
	a.Failed[part] = err.Error()
}

// each answers all queries at once; not so many, though, that reading files
// would starve everything else.
func each[Q, A any](queries []Q, answer func(Q) (string, A)) map[string]A {
	if len(queries) == 0 {
		return nil
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	room := make(chan struct{}, 4)
	out := make(map[string]A, len(queries))
	for _, q := range queries {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			key, a := answer(q)
			mu.Lock()
			defer mu.Unlock()
			out[key] = a
		})
	}
	all.Wait()
	return out
}

// path is where path of the host is found.
func (h host) path(path string) string { return filepath.Join("/", h.root, path) }

// runProgram runs a program of the host with an environment of its own, so that
// its output does not depend on the operator's language.
func runProgram(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER="}
	cmd.WaitDelay = outputPatience
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout.String(), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("run %s: %w", argv[0], context.Cause(ctx))
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s: %w: %s", argv[0], err, strings.TrimSpace(stderr.String()))
	}
	return "", fmt.Errorf("run %s: %w", argv[0], err)
}
