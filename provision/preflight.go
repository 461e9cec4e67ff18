package provision

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// The versions of Proxmox VE that k3sedge knows.
const (
	oldestVersion = 8
	newestVersion = 9
)

// MissingPrivilegesError lists all that the token may not do and should.
type MissingPrivilegesError struct {
	Token   string
	Missing []MissingPrivileges
}

// MissingPrivileges is what the token lacks on one path.
type MissingPrivileges struct {
	Path       string
	Privileges []string
}

// Error gives one line a path.
func (e *MissingPrivilegesError) Error() string {
	lines := []string{"token " + e.Token + " lacks privileges:"}
	for _, m := range e.Missing {
		lines = append(lines, fmt.Sprintf("  %s: %s", m.Path, strings.Join(m.Privileges, " ")))
	}
	return strings.Join(lines, "\n")
}

// preflight looks whether the run can succeed, before anything is changed.
func preflight(ctx context.Context, api Reader, c inventory.Cluster) error {
	p := *c.Provider.Proxmox
	version, err := supportedVersion(ctx, api)
	if err != nil {
		return err
	}
	if err := checkPrivileges(ctx, api, p, version); err != nil {
		return err
	}
	return errors.Join(together(ctx,
		func(ctx context.Context) error { return checkStorages(ctx, api, c) },
		func(ctx context.Context) error { return checkBridge(ctx, api, p) },
	)...)
}

// together runs looks at the same time and returns all their errors.
func together(ctx context.Context, looks ...func(context.Context) error) []error {
	errs := make([]error, len(looks))
	var wg sync.WaitGroup
	for i, look := range looks {
		wg.Go(func() { errs[i] = look(ctx) })
	}
	wg.Wait()
	return errs
}

var (
	errVersion  = errors.New("this version of Proxmox VE is not supported")
	versionText = regexp.MustCompile(`^(\d+)\.`)
)

func supportedVersion(ctx context.Context, api AccessReader) (int, error) {
	text, err := api.Version(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the version of Proxmox: %w", err)
	}
	major := 0
	if m := versionText.FindStringSubmatch(text); m != nil {
		major, _ = strconv.Atoi(m[1]) // the expression holds digits only; what overflows is not supported
	}
	if major < oldestVersion || major > newestVersion {
		return 0, machine.WithHint(fmt.Errorf("%q: %w", text, errVersion), "k3sedge knows Proxmox VE %d and %d", oldestVersion, newestVersion)
	}
	return major, nil
}

func checkPrivileges(ctx context.Context, api AccessReader, p inventory.Proxmox, version int) error {
	wanted := grants(p, version)
	missing := make([][]string, len(wanted))
	looks := make([]func(context.Context) error, len(wanted))
	for i, g := range wanted {
		looks[i] = func(ctx context.Context) error {
			has, err := api.Privileges(ctx, g.path)
			if err != nil {
				return fmt.Errorf("read the privileges on %s: %w", g.path, err)
			}
			missing[i] = slices.DeleteFunc(slices.Clone(g.privileges), func(want string) bool { return has[want] })
			return nil
		}
	}
	if err := errors.Join(together(ctx, looks...)...); err != nil {
		return err
	}
	lacks := &MissingPrivilegesError{Token: p.Token.ID}
	var mend []grant
	for i, g := range wanted {
		if len(missing[i]) > 0 {
			lacks.Missing = append(lacks.Missing, MissingPrivileges{g.path, missing[i]})
			mend = append(mend, g)
		}
	}
	if len(mend) == 0 {
		return nil
	}
	return machine.WithHint(lacks, "on the Proxmox host (where a role is there already: role modify instead of role add):\n  %s%s", strings.Join(grantLines(p, mend...), "\n  "), misnamed(lacks.Missing, mend))
}

// misnamed asks about the names of what the token has no right on at all:
// Proxmox tells nobody whether a thing is there that he may not see.
func misnamed(missing []MissingPrivileges, gs []grant) string {
	var keys []string
	for i, g := range gs {
		if g.key != "" && len(missing[i].Privileges) == len(g.privileges) {
			keys = append(keys, "provider.proxmox."+g.key)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return "\nor is the name wrong? See " + strings.Join(keys, ", ")
}

// need is a storage with what must be possible on it.
type need struct{ name, key, content string }

func checkStorages(ctx context.Context, api Reader, c inventory.Cluster) error {
	p := *c.Provider.Proxmox
	needs := []need{{p.Storage.Disks, "disks", "images"}, {p.Storage.ISO, "iso", "iso"}}
	if p.Image != nil {
		needs = append(needs, need{p.Storage.Image, "image", "import"})
	}
	looks := []func(context.Context) error{func(ctx context.Context) error { return checkSpace(ctx, api, c) }}
	for _, n := range needs {
		looks = append(looks, func(ctx context.Context) error { return checkStorage(ctx, api, n) })
	}
	return errors.Join(together(ctx, looks...)...)
}

func checkStorage(ctx context.Context, api StorageReader, n need) error {
	key := "provider.proxmox.storage." + n.key
	s, err := api.Storage(ctx, n.name)
	switch {
	case isAbsent(err):
		return machine.WithHint(fmt.Errorf("storage %s is not there: %w", n.name, err), "name a storage of the node in %s; `pvesm status` lists them", key)
	case err != nil:
		return fmt.Errorf("look at storage %s: %w", n.name, err)
	case !s.Active:
		return machine.WithHint(fmt.Errorf("storage %s is not active on the node", n.name), "see `pvesm status` on the Proxmox host, or name another in %s", key)
	case !slices.Contains(s.Content, n.content):
		return machine.WithHint(fmt.Errorf("storage %s holds no content of type %s, only %s", n.name, n.content, strings.Join(s.Content, ",")),
			"on the Proxmox host: pvesm set %s --content %s; or name another storage in %s", n.name, strings.Join(append(slices.Clone(s.Content), n.content), ","), key)
	}
	return nil
}

// leastDisk is what a machine writes in its first hour. Only thick storages
// must have room for the whole disk at once.
const leastDisk = 4 * inventory.GiB

// checkSpace looks whether the disks that are still to be made have room.
func checkSpace(ctx context.Context, api Reader, c inventory.Cluster) error {
	p := *c.Provider.Proxmox
	s, err := api.Storage(ctx, p.Storage.Disks)
	if err != nil {
		return nil // checkStorage reports it
	}
	vms, err := api.VMs(ctx)
	if err != nil {
		return fmt.Errorf("list the VMs of node %s: %w", p.Node, err)
	}
	var wanted inventory.Size
	for _, n := range c.Nodes {
		if slices.ContainsFunc(vms, func(vm VM) bool { return vm.Name == n.Name }) {
			continue
		}
		if s.Type == "lvm" {
			wanted += n.Disk
		} else {
			wanted += min(n.Disk, leastDisk)
		}
	}
	if int64(wanted) <= s.Avail {
		return nil
	}
	return machine.WithHint(fmt.Errorf("storage %s has %d MiB free, the new disks need %d MiB", p.Storage.Disks, s.Avail/int64(inventory.MiB), wanted/inventory.MiB),
		"make room on it, name another in provider.proxmox.storage.disks, or ask for smaller nodes[].disk")
}

func checkBridge(ctx context.Context, api AccessReader, p inventory.Proxmox) error {
	bridges, err := api.Bridges(ctx)
	var answer *APIError
	if errors.As(err, &answer) {
		return nil // a token that may not list bridges can still use one
	}
	if err != nil {
		return fmt.Errorf("list the bridges of node %s: %w", p.Node, err)
	}
	if len(bridges) > 0 && !slices.Contains(bridges, p.Bridge) {
		return machine.WithHint(fmt.Errorf("node %s has no bridge %s, but %s", p.Node, p.Bridge, strings.Join(bridges, ", ")), "set provider.proxmox.bridge to one of them")
	}
	return nil
}
