package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// seedDevice is where the seed hangs. Images for clouds have no IDE driver.
const seedDevice = "scsi1"

// seedFile is the seed's name on the ISO storage.
func seedFile(c inventory.Cluster, node string) string {
	return fmt.Sprintf("k3sedge-%s-%s.iso", c.ID[:min(8, len(c.ID))], node)
}

func checkSeed(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil || s.Note.Phase != phaseMade {
		return nil, err
	}
	return change("seed", "none", "user, network and first host key, as "+v.settings.Storage.ISO+":iso/"+seedFile(v.cluster, v.node.Name)), nil
}

// attachSeed pins a new host key, puts it into the seed and attaches that. The
// key lives in memory only: killed before the last request, this is done again
// with another key.
func attachSeed(ctx context.Context, h *hands) error {
	s, err := h.agreed(ctx)
	if err != nil {
		return err
	}
	if s.Running {
		return machine.WithHint(fmt.Errorf("VM %d: %w", s.VMID, errStartedEarly), "stop VM %d in Proxmox, or remove it, and run the same command again", s.VMID)
	}
	key, err := h.newHostKey()
	if err != nil {
		return fmt.Errorf("make the first host key: %w", err)
	}
	iso, err := seedISO(h.cluster, h.node, key, time.Now())
	if err != nil {
		return err
	}
	if err := h.pinning.Pin(h.node.Name, key.Public); err != nil {
		return fmt.Errorf("pin the first host key of %s: %w", h.node.Name, err)
	}
	if err := h.uploadSeed(ctx, s.VMID, iso); err != nil {
		return err
	}
	n := note{Mark: s.Note.Mark, Phase: phaseSeeded, SeedKey: fingerprint(key.Public)}
	return h.configure(ctx, s, Options{
		seedDevice:    fmt.Sprintf("%s:iso/%s,media=cdrom", h.settings.Storage.ISO, seedFile(h.cluster, h.node.Name)),
		"description": n.noted(s.Config.Description),
	})
}

var errStartedEarly = errors.New("runs without its seed, so that it has no user and no address")

func (h *hands) uploadSeed(ctx context.Context, vmid int, iso []byte) error {
	return h.act(ctx, verbUpload, vmid, func(ctx context.Context) (UPID, error) {
		return h.do.Upload(ctx, h.settings.Storage.ISO, seedFile(h.cluster, h.node.Name), iso)
	})
}

func checkStarted(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil || s.Running {
		return nil, err
	}
	return change("power", "stopped", "running"), nil
}

func startVM(ctx context.Context, h *hands) error {
	s, err := h.agreed(ctx)
	if err != nil || s.Running {
		return err
	}
	if err := h.probe(ctx); err != nil {
		return err
	}
	err = h.act(ctx, verbStart, s.VMID, func(ctx context.Context) (UPID, error) { return h.do.Start(ctx, s.VMID) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	if h.runsAllTheSame(ctx, s.VMID, err) {
		converge.Waiting(ctx, "Proxmox reported an error, but the machine runs", "")
		return nil
	}
	return err
}

// startPatience is how long a start may go on to which no answer came.
const startPatience = 30 * time.Second

// runsAllTheSame looks whether a machine runs whose start has failed: a task
// may fail behind that, and where no answer came it may still go on.
func (h *hands) runsAllTheSame(ctx context.Context, vmid int, failed error) (runs bool) {
	var lost *machine.UnreachableError
	goesOn := errors.As(failed, &lost)
	wait := converge.Wait{What: fmt.Sprintf("VM %d to run, to whose start no answer came", vmid), Every: h.tasks.every, Limit: startPatience}
	err := wait.Until(ctx, func(ctx context.Context) (bool, string, error) {
		s, err := h.agreed(ctx)
		runs = s.Running
		return runs || !goesOn, "", err
	})
	return err == nil && runs
}

func checkPinned(ctx context.Context, v *view) ([]converge.Change, error) {
	if _, err := v.present(ctx); err != nil {
		return nil, err
	}
	keys, err := v.pins.Pinned(v.node.Name)
	if err != nil {
		return nil, fmt.Errorf("read the pins: %w", err)
	}
	if len(keys) > 0 {
		return nil, nil
	}
	return change("host key", "not pinned", "pinned, as its guest agent tells it; without an agent: k3sedge trust "+v.node.Name), nil
}

// pinFromAgent finds a lost pin again: the guest agent reads the key inside
// the machine, and the answer comes through the pinned connection to Proxmox.
func pinFromAgent(ctx context.Context, h *hands) error {
	s, err := h.agreed(ctx)
	if err != nil {
		return err
	}
	key, err := h.api.AgentFile(ctx, s.VMID, "/etc/ssh/ssh_host_ed25519_key.pub")
	if err == nil && fingerprint(key) == "" {
		err = errNoHostKey
	}
	if err != nil {
		return machine.WithHint(&machine.UnreachableError{Address: h.node.Address.String(), State: machine.HostKeyUnknown, Err: err},
			"run k3sedge trust %s and compare the key with the one on the machine's console (qm terminal %d)", h.node.Name, s.VMID)
	}
	if err := h.pinning.Pin(h.node.Name, publicPart(key)); err != nil {
		return fmt.Errorf("pin the host key of %s: %w", h.node.Name, err)
	}
	return nil
}

var errNoHostKey = errors.New("the guest agent gave no host key")

// checkReady waits, in a run that changes, until the machine can be worked
// with; a plan asks once.
func checkReady(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil {
		return nil, err
	}
	if !s.Running {
		return nil, fmt.Errorf("VM %d is stopped", s.VMID)
	}
	if err := v.ready(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, err // nothing is known to be wrong with the machine
		}
		return nil, v.notReady(s, err)
	}
	return nil, nil
}

// notReady says where to look when SSH tells nothing.
func (v *view) notReady(s sight, err error) error {
	err = fmt.Errorf("VM %d runs, but cannot be worked with (its console: qm terminal %d on the Proxmox host): %w", s.VMID, s.VMID, err)
	if hasHint(err) {
		return err
	}
	return machine.WithHint(err, "look at its console; when the cause is mended, run the same command again: it goes on from here")
}

func checkBlanked(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil || s.Note.Phase != phaseSeeded {
		return nil, err
	}
	return change("seed", "readable on its storage", "overwritten and ejected"), nil
}

var (
	errSeedInUse  = errors.New("the machine still has the host key of its seed")
	errNotBlanked = errors.New("the seed on the storage was not overwritten")
)

// blankSeed makes the seed single-use: every user of Proxmox who may look at
// the storage could read it.
func blankSeed(ctx context.Context, h *hands) error {
	s, err := h.agreed(ctx)
	if err != nil {
		return err
	}
	keys, err := h.pins.Pinned(h.node.Name)
	if err != nil {
		return fmt.Errorf("read the pins: %w", err)
	}
	if len(keys) == 0 || slices.ContainsFunc(keys, func(k string) bool { return fingerprint(k) == s.Note.SeedKey }) {
		return errSeedInUse
	}
	if err := h.overwriteSeed(ctx, s.VMID); err != nil {
		return err
	}
	n := note{Mark: s.Note.Mark, Phase: phaseDone}
	return h.configure(ctx, s, Options{seedDevice: "none,media=cdrom", "description": n.noted(s.Config.Description)})
}

// overwriteSeed puts an empty image in the seed's place, which needs no right
// to delete, and looks whether it is there.
func (h *hands) overwriteSeed(ctx context.Context, vmid int) error {
	blank, err := blankISO(time.Now())
	if err != nil {
		return err
	}
	if err := h.uploadSeed(ctx, vmid, blank); err != nil {
		return err
	}
	volumes, err := h.api.Volumes(ctx, h.settings.Storage.ISO, "iso")
	if err != nil {
		return fmt.Errorf("look whether the seed is gone: %w", err)
	}
	id := h.settings.Storage.ISO + ":iso/" + seedFile(h.cluster, h.node.Name)
	if !slices.ContainsFunc(volumes, func(f Volume) bool { return f.ID == id && f.Size == int64(len(blank)) }) {
		return fmt.Errorf("%s: %w", id, errNotBlanked)
	}
	return nil
}
