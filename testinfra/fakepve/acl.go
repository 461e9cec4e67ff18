package fakepve

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Access is the host's user configuration.
type Access struct {
	// Users are names with their realm, such as k3sedge@pve. root@pam always exists.
	Users  []string
	Tokens []Token
	// Roles are named lists of privileges; Administrator and NoAccess always exist.
	Roles  map[string][]string
	Grants []Grant
	Pools  []string
}

// Token is an API token: ID is user@realm!name, Secret a UUID.
type Token struct {
	ID, Secret string
	// PrivSep makes the token start with no rights: what it has is what both it
	// and its user were given.
	PrivSep bool
}

// Grant gives a role on a path to a user or to a token.
type Grant struct {
	Path, Who, Role string
	// Here limits it to the path itself; otherwise it holds below it too.
	Here bool
}

const (
	root          = "root@pam"
	administrator = "Administrator"
	noAccess      = "NoAccess"
)

func (a Access) validate(major int) error {
	for role, list := range a.Roles {
		for _, p := range list {
			if !knownPrivilege(major, p) {
				return fmt.Errorf("start fakepve: role %s: invalid privilege '%s' in version %d", role, p, major)
			}
		}
	}
	for _, t := range a.Tokens {
		user, name, ok := strings.Cut(t.ID, "!")
		if !ok || name == "" || !a.hasUser(user) {
			return fmt.Errorf("start fakepve: token %q: want USER@REALM!NAME of a known user", t.ID)
		}
	}
	return a.validateGrants()
}

func (a Access) validateGrants() error {
	for _, g := range a.Grants {
		if _, ok := a.Roles[g.Role]; !ok && g.Role != administrator && g.Role != noAccess {
			return fmt.Errorf("start fakepve: grant on %s: no such role '%s'", g.Path, g.Role)
		}
		if g.Path != "/" && (!strings.HasPrefix(g.Path, "/") || strings.HasSuffix(g.Path, "/")) {
			return fmt.Errorf("start fakepve: grant: invalid path '%s'", g.Path)
		}
		user, _, _ := strings.Cut(g.Who, "!")
		if !a.hasUser(user) {
			return fmt.Errorf("start fakepve: grant on %s: no such user '%s'", g.Path, user)
		}
	}
	return nil
}

func (a Access) hasUser(name string) bool { return name == root || slices.Contains(a.Users, name) }

// acl computes effective permissions, the way PVE::RPCEnvironment does.
type acl struct {
	access Access
	all    []string
	pools  map[string][]int // pool to members
	// withdrawn are privileges that only root has left.
	withdrawn []string
}

// permissions maps each privilege that who has on path to whether it
// propagates.
func (a acl) permissions(who, path string) map[string]bool {
	if who == root {
		return a.privilegesOf(map[string]bool{administrator: true})
	}
	user, _, isToken := strings.Cut(who, "!")
	if !isToken {
		of := a.privilegesOf(a.rolesWithPools(who, path))
		maps.DeleteFunc(of, func(p string, _ bool) bool { return slices.Contains(a.withdrawn, p) })
		return of
	}
	of := a.permissions(user, path)
	if !a.token(who).PrivSep {
		return of
	}
	own := a.privilegesOf(a.rolesWithPools(who, path))
	maps.DeleteFunc(own, func(p string, _ bool) bool { _, ok := of[p]; return !ok })
	return own
}

func (a acl) token(id string) Token {
	for _, t := range a.access.Tokens {
		if t.ID == id {
			return t
		}
	}
	return Token{PrivSep: true}
}

func (a acl) privilegesOf(roles map[string]bool) map[string]bool {
	out := map[string]bool{}
	for role, propagate := range roles {
		list := a.access.Roles[role]
		if role == administrator {
			list = a.all
		}
		for _, p := range list {
			out[p] = out[p] || propagate
		}
	}
	return out
}

// roles walks down the path; a grant further down replaces those above it.
func (a acl) roles(who, path string) map[string]bool {
	found := map[string]bool{}
	at := ""
	steps := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if path == "/" {
		steps = nil
	}
	for i := -1; i < len(steps); i++ {
		if i >= 0 {
			at += "/" + steps[i]
		}
		if here := a.granted(who, orElse(at, "/"), i == len(steps)-1); len(here) > 0 {
			found = here
		}
	}
	if p, ok := found[noAccess]; ok {
		return map[string]bool{noAccess: p}
	}
	return found
}

func (a acl) granted(who, path string, final bool) map[string]bool {
	out := map[string]bool{}
	for _, g := range a.access.Grants {
		if g.Who == who && g.Path == path && (final || !g.Here) {
			out[g.Role] = !g.Here
		}
	}
	return out
}

// rolesWithPools adds what a pool gives to its members, never propagating.
func (a acl) rolesWithPools(who, path string) map[string]bool {
	roles := a.roles(who, path)
	if _, ok := roles[noAccess]; ok {
		return roles
	}
	for pool, members := range a.pools {
		for _, vmid := range members {
			if path != fmt.Sprintf("/vms/%d", vmid) {
				continue
			}
			for role := range a.roles(who, "/pool/"+pool) {
				roles[role] = roles[role] || false
			}
		}
	}
	return roles
}

// effective lists the permissions on every path that is named anywhere, as
// GET /access/permissions without a path does.
func (a acl) effective(who string) map[string]map[string]bool {
	paths := []string{"/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"}
	for _, g := range a.access.Grants {
		paths = append(paths, g.Path)
	}
	for _, members := range a.pools {
		for _, vmid := range members {
			paths = append(paths, fmt.Sprintf("/vms/%d", vmid))
		}
	}
	out := map[string]map[string]bool{}
	for _, p := range paths {
		if got := a.permissions(who, p); len(got) > 0 {
			out[p] = got
		}
	}
	return out
}
