package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// takeBack restores all that a transaction touched and writes the result. It
// may be killed anywhere and run again. Files, the table and sshd have to come
// back, else it fails and the transaction stays pending; what else does not
// come back is noted. One part that fails does not hold up the others: a
// file that finds no room must not leave sshd with the change.
func (h Host) takeBack(ctx context.Context, s saved) (facts.Outcome, error) {
	out := facts.Outcome{ID: s.ID, Result: facts.RolledBack}
	p, err := h.pending()
	if p == nil && err == nil {
		// Killed between the timer and the pending file: nothing was touched.
		out.Result = facts.NothingChanged
		return h.finish(ctx, out)
	}
	bootID, err := h.line(bootIDFile)
	if err != nil {
		return out, err
	}
	r := restore{host: h, sameBoot: bootID == s.BootID}
	err = errors.Join(r.files(s), r.attrs(s), r.table(ctx, s))
	r.sysctls(s)
	err = errors.Join(err, r.units(ctx, s))
	if err := errors.Join(err, ctx.Err()); err != nil {
		return out, fmt.Errorf("take back %s: %w", s.ID, err)
	}
	out.Notes = r.notes
	return h.finish(ctx, out)
}

// finish writes the result, which is what counts from then on, and disarms.
func (h Host) finish(ctx context.Context, out facts.Outcome) (facts.Outcome, error) {
	out.At = h.Now().Unix()
	if err := h.step("write result"); err != nil {
		return out, err
	}
	if err := h.writeJSON(txFile(out.ID, resultName), out); err != nil {
		return out, err
	}
	return out, errors.Join(h.disarm(ctx), h.prune())
}

// restore is one attempt to go back. After a reboot the boot's own start of
// units is put right instead of the units themselves.
type restore struct {
	host     Host
	sameBoot bool
	notes    []string
}

func (r *restore) note(err error) {
	if err != nil {
		r.notes = append(r.notes, err.Error())
	}
}

func (r *restore) files(s saved) error {
	var errs []error
	for _, f := range s.Files {
		errs = append(errs, r.file(f))
	}
	for _, dir := range slices.Backward(s.Folders) {
		// One that somebody else uses by now stays.
		if err := os.Remove(r.host.path(dir)); err == nil {
			r.note(syncDir(r.host.path(parent(dir))))
		}
	}
	return errors.Join(errs...)
}

func parent(dir string) string { return dir[:strings.LastIndexByte(dir, '/')+1] }

func (r *restore) file(f savedFile) error {
	if err := r.host.step("restore " + f.Path); err != nil {
		return err
	}
	if err := r.host.remove(temporary(f.Path)); err != nil {
		return err
	}
	if now, err := r.host.look(f.Path); err == nil && now.equal(f) {
		return nil
	}
	if !f.Absent {
		if err := r.host.makeFolders(f.Path, 0o755); err != nil {
			return err
		}
	}
	return r.host.write(f)
}

func (r *restore) table(ctx context.Context, s saved) error {
	if !s.Firewall {
		return nil
	}
	if err := r.host.step("restore table"); err != nil {
		return err
	}
	err := r.host.loadTable(ctx, tableScript(s.Table))
	if err != nil && !r.sameBoot {
		// So early the network may lack an interface that the text names;
		// nftables.service loads the restored file next.
		r.note(err)
		return nil
	}
	return err
}

func (r *restore) sysctls(s saved) {
	for _, key := range slices.Sorted(maps.Keys(s.Sysctls)) {
		if err := r.host.step("restore sysctl " + key); err != nil {
			r.note(err)
			continue
		}
		err := r.host.setSysctl(key, s.Sysctls[key])
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EPERM) {
			// Some go one way only: kernel.kexec_load_disabled, unprivileged_bpf_disabled, yama.ptrace_scope.
			err = fmt.Errorf("%w: the kernel may go back to %q at its next start only", err, s.Sysctls[key])
		}
		if !errors.Is(err, fs.ErrNotExist) || r.sameBoot {
			r.note(err)
		}
	}
}

// units brings back what was enabled, and what ran; nothing is stopped but
// what the transaction has started. It fails where sshd ran and does not
// any more; of the other units it only notes it.
func (r *restore) units(ctx context.Context, s saved) error {
	if slices.ContainsFunc(s.Files, func(f savedFile) bool { return strings.HasPrefix(f.Path, unitDir+"/") }) {
		r.note(r.host.systemctl(ctx, "daemon-reload"))
	}
	var errs []error
	for _, u := range slices.Backward(s.Units) {
		if err := r.host.step("restore unit " + u.Name); err != nil {
			r.note(err)
			continue
		}
		errs = append(errs, r.unit(ctx, u))
	}
	return errors.Join(errs...)
}

func (r *restore) unit(ctx context.Context, u savedUnit) error {
	if verb := undo(u); verb != "" {
		r.note(r.host.systemctl(ctx, verb, u.Name))
		if verb == "disable" && !r.sameBoot {
			r.note(r.host.cancelStart(ctx, u.Name))
		}
	}
	switch u.Action {
	case "reload":
		if !r.sameBoot {
			break // its own start reads the restored files
		}
		err := r.reload(ctx, u)
		if u.Active == "active" && slices.Contains(sshUnits(), u.Name) {
			return err
		}
		r.note(err)
	case "start":
		if u.Active != "active" {
			r.note(r.host.stop(ctx, u.Name))
		}
	case "mask", "disable":
		if u.Active == "active" {
			r.note(r.start(ctx, u.Name))
		}
	}
	return nil
}

// undo names what brings a unit's file state back; it does no harm where the
// transaction did not get as far as to change it.
func undo(u savedUnit) string {
	switch {
	case u.Action == "mask" && !strings.HasPrefix(u.State, "masked"):
		return "unmask"
	case u.Action == "disable" && u.State == "enabled":
		return "enable"
	case (u.Action == "enable" || u.Action == "start") && u.State == "disabled":
		return "disable"
	}
	return ""
}

// reload makes a unit read the restored files. One that ran before runs again:
// sshd ends when it cannot follow a change, and then only a start brings it back.
func (r *restore) reload(ctx context.Context, u savedUnit) error {
	if u.Active == "active" {
		return r.host.systemctl(ctx, "reload-or-restart", u.Name)
	}
	return r.host.reload(ctx, u.Name)
}

// start starts a unit that the transaction stopped. At boot, waiting for it
// would be waiting for the boot that waits for us.
func (r *restore) start(ctx context.Context, unit string) error {
	if r.sameBoot {
		return r.host.systemctl(ctx, "start", unit)
	}
	return r.host.systemctl(ctx, "start", "--no-block", unit)
}

// cancelStart takes a unit out of the queue of the boot that has begun. It is
// never stopped: stopping Debian's nftables.service empties the ruleset.
func (h Host) cancelStart(ctx context.Context, unit string) error {
	jobs, err := h.Runner.Run(ctx, command(systemctl, "list-jobs", "--no-legend", "--plain"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(jobs) {
		job := strings.Fields(line)
		if len(job) == 4 && job[1] == unit && job[2] == "start" && job[3] == "waiting" {
			return h.systemctl(ctx, "cancel", job[0])
		}
	}
	return nil
}
