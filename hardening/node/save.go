package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// saved is the way back: all that a transaction will touch, as it was.
type saved struct {
	ID     string      `json:"id"`
	BootID string      `json:"bootID"`
	Files  []savedFile `json:"files"`
	// Folders were not there, the outermost first.
	Folders []string `json:"folders,omitempty"`
	// Attrs are the owners and modes of what stays where it is.
	Attrs []facts.AttrChange `json:"attrs,omitempty"`
	// Firewall is true where the transaction loads a ruleset; Table is the
	// nft text of our table before it, "" when there was none.
	Firewall bool              `json:"firewall,omitempty"`
	Table    string            `json:"table,omitempty"`
	Sysctls  map[string]string `json:"sysctls,omitempty"`
	Units    []savedUnit       `json:"units,omitempty"`
	// Ruleset and Aside are for the confirmation: what it has to write, and
	// the files that were taken away and are kept for the user.
	Ruleset     string   `json:"ruleset,omitempty"`
	RulesetPath string   `json:"rulesetPath,omitempty"`
	Aside       []string `json:"aside,omitempty"`
}

// savedUnit is a unit before something is done to it.
type savedUnit struct {
	facts.UnitChange
	State  string `json:"state"`
	Active string `json:"active"`
}

// save writes down the way back and makes sure that it is one.
func (h Host) save(ctx context.Context, t facts.Transaction) (saved, error) {
	s := saved{ID: t.ID, Sysctls: map[string]string{}, Ruleset: t.Ruleset, RulesetPath: t.RulesetPath}
	var err error
	if s.BootID, err = h.line(bootIDFile); err != nil {
		return s, err
	}
	if err := errors.Join(h.saveFiles(t, &s), h.saveAttrs(t, &s)); err != nil {
		return s, err
	}
	if t.Ruleset != "" {
		s.Firewall = true
		if s.Table, err = h.saveTable(ctx); err != nil {
			return s, err
		}
	}
	for key := range t.Sysctls {
		p, err := h.sysctlFile(key)
		if err != nil {
			return s, err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return s, err
		}
		s.Sysctls[key] = strings.TrimSuffix(string(b), "\n")
	}
	for _, u := range t.Units {
		unit, err := h.saveUnit(ctx, u, t.Files)
		if err != nil {
			return s, err
		}
		s.Units = append(s.Units, unit)
	}
	if err := h.makeFolders(txFile(t.ID, stateName), 0o700); err != nil {
		return s, err
	}
	return s, h.writeJSON(txFile(t.ID, stateName), s)
}

func (h Host) saveFiles(t facts.Transaction, s *saved) error {
	var paths []string
	for _, f := range t.Files {
		paths = append(paths, f.Path)
		if f.Absent {
			s.Aside = append(s.Aside, f.Path)
		}
	}
	if t.Ruleset != "" {
		paths = append(paths, t.RulesetPath)
	}
	folders := map[string]bool{}
	for _, p := range paths {
		missing, err := h.missingFolders(p)
		if err != nil {
			return err
		}
		for _, dir := range missing {
			folders[dir] = true
		}
		file, err := h.look(p)
		if err != nil {
			return err
		}
		s.Files = append(s.Files, file)
	}
	// A folder sorts before those inside it.
	s.Folders = slices.Sorted(maps.Keys(folders))
	return nil
}

// saveTable returns our table as nft text that is known to load again. The
// counters' values are left out: they are no configuration.
func (h Host) saveTable(ctx context.Context) (string, error) {
	tables, err := h.Runner.Run(ctx, command(nft, "list", "tables"))
	if err != nil {
		return "", fmt.Errorf("list tables: %w", err)
	}
	name := "table " + ownFamily + " " + ownTable
	found := false
	for line := range strings.Lines(tables) {
		found = found || strings.TrimSpace(line) == name
	}
	if !found {
		return "", nil
	}
	text, err := h.Runner.Run(ctx, command(nft, "-s", "list", "table", ownFamily, ownTable))
	if err != nil {
		return "", fmt.Errorf("save table: %w", err)
	}
	if err := h.nftCheck(ctx, tableScript(text)); err != nil {
		return "", fmt.Errorf("there is no way back to the present table: %w", err)
	}
	return text, nil
}

// tableScript replaces our table by text in one step, or takes it away.
func tableScript(text string) string {
	name := "table " + ownFamily + " " + ownTable + "\n"
	return "add " + name + "delete " + name + text
}

// saveUnit asks systemd for a unit's state. One that is not there is refused
// unless it comes with the transaction, or is masked in advance.
func (h Host) saveUnit(ctx context.Context, u facts.UnitChange, files []facts.FileChange) (savedUnit, error) {
	show, err := h.showUnit(ctx, u.Name, "LoadState,UnitFileState,ActiveState")
	if err != nil {
		return savedUnit{}, err
	}
	comes := slices.ContainsFunc(files, func(f facts.FileChange) bool { return f.Path == unitDir+"/"+u.Name && !f.Absent })
	if show["LoadState"] == facts.UnitNotFound && !comes && u.Action != "mask" {
		return savedUnit{}, errors.New(u.Action + " " + u.Name + ": there is no such unit")
	}
	return savedUnit{UnitChange: u, State: show["UnitFileState"], Active: show["ActiveState"]}, nil
}
