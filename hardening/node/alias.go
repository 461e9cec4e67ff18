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

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// resolveAliases adds to each alias what it stands for: systemd's lists have
// an alias' name only.
func (h Host) resolveAliases(ctx context.Context, units map[string]facts.Unit) error {
	for _, name := range slices.Sorted(maps.Keys(units)) {
		unit := units[name]
		if unit.State != "alias" {
			continue
		}
		show, err := h.showUnit(ctx, name, "Id,LoadState,UnitFileState,ActiveState")
		if err != nil {
			return err
		}
		if show["Id"] == "" {
			return fmt.Errorf("ask systemd what %s stands for: no answer", name)
		}
		state := show["UnitFileState"]
		if show["LoadState"] == facts.UnitNotFound {
			state = facts.UnitNotFound
		}
		if show["Id"] == name { // a link to nowhere, or one that came after the unit was loaded
			unit.State = state
			units[name] = unit
			continue
		}
		unit.AliasOf = show["Id"]
		units[name] = unit
		if _, known := units[unit.AliasOf]; !known {
			units[unit.AliasOf] = facts.Unit{State: state, Active: show["ActiveState"]}
		}
	}
	return nil
}

// showUnit asks systemd for properties of one unit. LoadState and ActiveState
// have to be among them: a unit without them was not looked at.
func (h Host) showUnit(ctx context.Context, name, properties string) (map[string]string, error) {
	out, err := h.Runner.Run(ctx, command(systemctl, "show", "--property="+properties, name))
	if err != nil {
		return nil, fmt.Errorf("ask systemd about %s: %w", name, err)
	}
	show := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		show[key] = value
	}
	if show["LoadState"] == "" || show["ActiveState"] == "" {
		return nil, fmt.Errorf("ask systemd about %s: no answer", name)
	}
	return show, nil
}

// inTheWayOfMask returns what stands where systemctl mask puts its link, "" for
// nothing but that link itself.
func (h Host) inTheWayOfMask(name string) (string, error) {
	p := unitDir + "/" + name
	target, err := os.Readlink(h.path(p))
	if err == nil && target == os.DevNull || errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if _, err := os.Lstat(h.path(p)); err != nil {
		return "", fmt.Errorf("look for %s: %w", p, err)
	}
	return p, nil
}
