package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const nftablesUnit = "nftables.service"

// unitFile and unitLoaded are lines of systemctl's JSON.
type unitFile struct {
	Name  string `json:"unit_file"`
	State string `json:"state"`
}

type unitLoaded struct {
	Name   string `json:"unit"`
	Load   string `json:"load"`
	Active string `json:"active"`
}

// unitName is a name that systemctl takes for itself: neither a pattern, nor an
// instance, of which there is no unit file, nor one it would add a suffix to.
var unitName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]*\.(service|socket|path|timer|target)$`)

// certainUnit is there wherever systemd runs: a list without it is no answer,
// and what it does not name is not missing.
const certainUnit = "basic.target"

// units answers for the named units by what is on disk and what systemd has
// loaded. PID 1 takes a fifth of a second to list all files, but a few
// milliseconds to list those that were asked for.
func (h Host) units(ctx context.Context, names []string) (map[string]facts.Unit, error) {
	out := map[string]facts.Unit{}
	if len(names) == 0 {
		return out, nil
	}
	found, err := h.foundUnits(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		unit, ok := found[name]
		if !ok {
			unit.State = facts.UnitNotFound
		}
		if unit.Active == "" {
			unit.Active = "inactive" // nothing needed it, so it is not even loaded
		}
		if unit.InTheWay, err = h.inTheWayOfMask(name); err != nil {
			return nil, err
		}
		out[name] = unit
	}
	if err := h.resolveAliases(ctx, out); err != nil {
		return nil, err
	}
	return out, nil
}

// foundUnits are those of the named units that systemd knows in any way.
func (h Host) foundUnits(ctx context.Context, names []string) (map[string]facts.Unit, error) {
	for _, name := range names {
		if !unitName.MatchString(name) {
			return nil, fmt.Errorf("ask systemd for %q: not the name of one unit", name)
		}
	}
	asked := append([]string{"--", certainUnit}, names...)
	var files []unitFile
	var loaded []unitLoaded
	var nft facts.Unit
	var filesErr, loadedErr, nftErr error
	var wait sync.WaitGroup
	wait.Go(func() { filesErr = h.systemctlJSON(ctx, &files, append([]string{"list-unit-files"}, asked...)...) })
	wait.Go(func() {
		loadedErr = h.systemctlJSON(ctx, &loaded, append([]string{"list-units", "--all"}, asked...)...)
	})
	if slices.Contains(names, nftablesUnit) {
		wait.Go(func() { nft.ExecStart, nft.ExecStop, nftErr = h.nftCommands(ctx) })
	}
	wait.Wait()
	if err := errors.Join(filesErr, loadedErr, nftErr); err != nil {
		return nil, err
	}
	found := mergeUnits(files, loaded)
	if certain := found[certainUnit]; certain.State == "" || certain.Active == "" {
		return nil, fmt.Errorf("ask systemd: it does not name %s, which is always there", certainUnit)
	}
	if u, known := found[nftablesUnit]; known {
		u.ExecStart, u.ExecStop = nft.ExecStart, nft.ExecStop
		found[nftablesUnit] = u
	}
	return found, nil
}

// mergeUnits joins both lists. A unit may run although its file is gone.
func mergeUnits(files []unitFile, loaded []unitLoaded) map[string]facts.Unit {
	found := map[string]facts.Unit{}
	for _, u := range files {
		found[u.Name] = facts.Unit{State: u.State}
	}
	for _, u := range loaded {
		unit, onDisk := found[u.Name]
		if !onDisk && u.Load == facts.UnitNotFound {
			unit.State = facts.UnitNotFound
		}
		unit.Active = u.Active
		found[u.Name] = unit
	}
	return found
}

func (h Host) systemctlJSON(ctx context.Context, into any, argv ...string) error {
	out, err := h.Runner.Run(ctx, command(append([]string{systemctl, "--output=json", "--no-pager", "--full"}, argv...)...))
	if err != nil {
		return fmt.Errorf("ask systemd: %w", err)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("read answer of systemctl %s: %w", argv[0], err)
	}
	return nil
}

// failedUnits are the units that systemd calls failed. None is an answer, too.
func (h Host) failedUnits(ctx context.Context) ([]string, error) {
	var failed []unitLoaded
	if err := h.systemctlJSON(ctx, &failed, "list-units", "--state=failed"); err != nil {
		return nil, err
	}
	names := []string{}
	for _, u := range failed {
		names = append(names, u.Name)
	}
	return names, nil
}
