//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// What a whole machine has that nobody has said anything of.
const (
	plainCores  = 2
	plainMemory = 1024     // MiB
	plainDisk   = 10 << 30 // bytes; only what is written takes room
)

// domains are whole machines that libvirt runs. None of them is written down
// there: what libvirt knows of one ends with it.
type domains struct {
	lab       *Lab
	authority []byte

	mu        sync.Mutex
	furnished map[process]bool
}

func newDomains(l *Lab, authority []byte) *domains {
	return &domains{lab: l, authority: authority, furnished: map[process]bool{}}
}

func (h *domains) boot(ctx context.Context, s spec) (process, func() bool, error) {
	name, dir := h.lab.plan.machine(s.ID), h.lab.folder(s.ID)
	if len(s.Seed) > 0 {
		s.ISOs = []string{dir.path(seedDisc)}
		if err := s.Seed.disc(ctx, s.ISOs[0]); err != nil {
			return process{}, nil, err
		}
	}
	if err := dir.overlay(ctx, s.Disk, s.DiskSize); err != nil {
		return process{}, nil, err
	}
	description, err := domain(name, s, dir, h.lab.Accelerated(ctx))
	if err == nil {
		err = writeFile(dir.path("domain.xml"), description, 0o600)
	}
	if err != nil {
		return process{}, nil, err
	}
	if _, err := h.lab.virt().virsh(ctx, "create", dir.path("domain.xml")); err != nil {
		return process{}, nil, err
	}
	p, ok := h.lab.virt().domain(name)
	if !ok {
		return process{}, nil, errors.New("it ended at once; its log is " + h.lab.virt().path("log/qemu/"+name+".log"))
	}
	return p, func() bool {
		h.greet(running{spec: s, proc: p})
		p.waitGone(context.Background())
		return false // QEMU itself boots again
	}, nil
}

// domain is the process of a machine; false if it does not run.
func (v virt) domain(name string) (process, bool) {
	pids, err := v.residents()
	if err != nil {
		return process{}, false
	}
	for _, pid := range pids {
		for _, argument := range arguments(pid) {
			if !strings.HasPrefix(argument, "guest="+name+",") {
				continue
			}
			p, err := identify(pid, argument)
			return p, err == nil
		}
	}
	return process{}, false
}

// wholeLeft names the whole machines of this lab that run.
func (l *Lab) wholeLeft() ([]string, error) {
	pids, err := l.virt().residents()
	var names []string
	for _, pid := range pids {
		for _, argument := range arguments(pid) {
			name, _, ok := strings.Cut(strings.TrimPrefix(argument, "guest="), ",")
			if ok && strings.HasPrefix(argument, "guest=") && l.plan.owns(name) {
				names = append(names, name)
			}
		}
	}
	return names, err
}

func (h *domains) order(ctx context.Context, r *running, force bool) error {
	argv := []string{"shutdown", "--mode", "acpi", h.lab.plan.machine(r.spec.ID)}
	if force {
		argv = []string{"destroy", h.lab.plan.machine(r.spec.ID)}
	}
	if _, err := h.lab.virt().virsh(ctx, argv...); err != nil && r.proc.alive() {
		return err
	}
	return nil
}

func (h *domains) pause(ctx context.Context, id string, still bool) error {
	order := "resume"
	if still {
		order = "suspend"
	}
	_, err := h.lab.virt().virsh(ctx, order, h.lab.plan.machine(id))
	return err
}

// exec answers as soon as the machine has what the lab gives it, so that who
// waits for the agent meets a machine that is complete.
func (h *domains) exec(ctx context.Context, r *running, c fakepve.Command) (fakepve.Result, error) {
	a := h.lab.virt().agent(h.lab.plan.machine(r.spec.ID))
	if err := h.furnish(ctx, r, a); err != nil {
		return fakepve.Result{}, err
	}
	return a.run(ctx, c)
}

// greet furnishes a machine when its agent first answers.
func (h *domains) greet(r running) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	a := h.lab.virt().agent(h.lab.plan.machine(r.spec.ID))
	for r.proc.alive() {
		err := h.furnish(context.Background(), &r, a)
		if err == nil {
			return
		}
		if !errors.Is(err, fakepve.ErrNoAgent) {
			h.lab.say("machine %s: %v", r.spec.ID, err)
		}
		<-tick.C
	}
}

// furnishingIn does below a root what furnish does to a container's files: the
// resolver is the first argument, the authority comes in.
func furnishingIn(root string) string {
	return `set -e
[ -z "$1" ] || { rm -f ` + root + `/` + resolvFile + `; printf %s "$1" >` + root + `/` + resolvFile + `; }
ca=` + root + `/` + extraCAFile + `; new=$(cat)
[ "$(cat "$ca" 2>/dev/null)" != "$new" ] || exit 0
mkdir -p "${ca%/*}"
printf '%s\n' "$new" >>` + root + `/` + bundleFile + `
printf '%s\n' "$new" >"$ca"`
}

// furnish gives a machine what its surroundings would; see the function of that
// name. It goes through the agent, because nobody but the machine writes to
// its disk.
func (h *domains) furnish(ctx context.Context, r *running, a guestAgent) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.furnished[r.proc] {
		return nil
	}
	content := r.spec.Seed
	if len(content) == 0 {
		var err error
		if content, err = readSeed(r.spec.ISOs); err != nil && !errors.Is(err, os.ErrNotExist) { // a disc may have gone since
			return err
		}
	}
	resolver := string(resolvConf(content["network-config"]))
	res, err := a.run(ctx, fakepve.Command{Argv: []string{"/bin/sh", "-c", furnishingIn(""), "furnish", resolver}, Stdin: h.authority})
	if err != nil {
		return err
	}
	if res.Exit != 0 {
		return fmt.Errorf("furnish machine: %s", strings.TrimSpace(string(res.Stderr)))
	}
	h.furnished[r.proc] = true
	return nil
}

func (h *domains) clear(ctx context.Context, id string) error {
	name, dir := h.lab.plan.machine(id), h.lab.folder(id)
	var err error
	if p, ok := h.lab.virt().domain(name); ok {
		err = p.end(ctx, unix.SIGKILL, 5*time.Second)
	}
	h.lab.virt().forgotten(ctx, name)
	if err = errors.Join(err, os.RemoveAll(dir.path("process.json"))); err != nil {
		return fmt.Errorf("clear up machine %s: %w", name, err)
	}
	return nil
}

// forgotten waits until libvirt knows no more of a machine whose process has
// ended: until then none of its name can be made.
func (v virt) forgotten(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := v.virsh(ctx, "domstate", name); err != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}
