package cli

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
)

// targetOptions say which controls a run is about, and on which nodes.
type targetOptions struct {
	only, skip, nodes []string
	profile           hardening.Profile // "" for the file's
	deep              bool
}

func targetFlags() []cli.Flag {
	ids := slices.Concat(hardening.Groups(), hardening.ControlIDs())
	profile := choiceFlag("profile", "`PROFILE` in place of the file's", string(hardening.Baseline), string(hardening.Strict))
	profile.Value, profile.DefaultText = "", "hardening.profile of the file"
	return []cli.Flag{
		choicesFlag("only", "these controls alone: `ID`, several with commas between them", ids...),
		choicesFlag("skip", "without these controls: `ID`, several with commas between them", ids...),
		profile,
		choicesFlag("node", "this `NODE` alone; may be given more than once"),
	}
}

func targetOf(c *cli.Context) targetOptions {
	return targetOptions{
		only: c.StringSlice("only"), skip: c.StringSlice("skip"), nodes: c.StringSlice("node"),
		profile: hardening.Profile(c.String("profile")), deep: c.Bool("deep"),
	}
}

func (t targetOptions) selection() hardening.Selection {
	return hardening.Selection{Only: t.only, Skip: t.skip}
}

// check refuses what means no control, and a selection that leaves none.
func (t targetOptions) check() error {
	for _, list := range []struct {
		flag    string
		entries []string
	}{{"only", t.only}, {"skip", t.skip}} {
		for _, entry := range list.entries {
			if !hardening.MatchesAny(entry) {
				return usagef(nearestControl(entry), "--%s %s: there is no such control", list.flag, entry)
			}
		}
	}
	if !slices.ContainsFunc(hardening.ControlIDs(), t.selection().Selects) {
		return usagef("name more with --only, or less with --skip", "--only and --skip leave no control")
	}
	return nil
}

func nearestControl(entry string) string {
	hint := "k3sedge harden controls lists them"
	if near := inventory.Nearest(entry, slices.Concat(hardening.Groups(), hardening.ControlIDs())); near != "" {
		return fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return hint
}

// aim makes the site's run about what the options name.
func (st *site) aim(t targetOptions) error {
	if len(t.nodes) > 0 {
		st.chosen = nil
	}
	for _, name := range t.nodes {
		n, ok := st.project.Cluster.Node(name)
		switch {
		case !ok:
			return usagef(st.nearestNode(name), "--node %s: there is no such node", name)
		case !slices.ContainsFunc(st.chosen, func(o inventory.Node) bool { return o.Name == name }):
			st.chosen = append(st.chosen, n)
		}
	}
	if t.profile != "" {
		st.project.Cluster.Hardening.Profile = t.profile
	}
	for name, p := range st.policies {
		p.Selection, p.Profile, p.Deep = t.selection(), st.project.Cluster.Hardening.Profile, t.deep
		st.policies[name] = p
	}
	return nil
}

func (st *site) nearestNode(name string) string {
	var names []string
	for _, n := range st.project.Cluster.Nodes {
		names = append(names, n.Name)
	}
	if near := inventory.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %s? The nodes are those of %s", near, st.file)
	}
	return "the nodes are those of " + st.file
}
