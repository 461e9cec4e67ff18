package fakepve

import (
	"net/http"
	"slices"
	"strings"
)

func accessRoutes() []route {
	return []route{
		{method: http.MethodGet, pattern: "/version", run: version},
		{method: http.MethodGet, pattern: "/access/permissions", run: permissions,
			schema: takes(nil).and(map[string]check{"path": text, "userid": text})},
		{method: http.MethodGet, pattern: "/pools", run: listPools, schema: takes(nil).and(map[string]check{"poolid": text})},
		{method: http.MethodGet, pattern: "/pools/{poolid}", run: showPool, allow: allOf("/pool/{poolid}", "Pool.Audit")},
	}
}

func version(c *call) (any, error) {
	if c.srv.opts.Major == 8 {
		return map[string]string{"version": "8.4.14", "release": "8.4", "repoid": "b502d23c55afcba1"}, nil
	}
	return map[string]string{"version": "9.1.4", "release": "9.1", "repoid": "5ac30304265fbd8e"}, nil
}

// permissions dumps what the caller may do; for others it is not taught.
func permissions(c *call) (any, error) {
	who := orElse(c.args.get("userid"), c.who)
	if owner, _, _ := strings.Cut(who, "!"); who != c.who && owner != c.who {
		if err := c.check("/access", "Sys.Audit"); err != nil {
			return nil, err
		}
	}
	if path := c.args.get("path"); path != "" {
		return map[string]any{path: ones(c.srv.permissions(who, path))}, nil
	}
	out := map[string]any{}
	for path, privs := range c.srv.acl().effective(who) {
		out[path] = ones(privs)
	}
	return out, nil
}

func ones(privs map[string]bool) map[string]int {
	out := map[string]int{}
	for p, propagates := range privs {
		out[p] = bit(propagates)
	}
	return out
}

func bit(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func listPools(c *call) (any, error) {
	out := []map[string]string{}
	for _, p := range c.srv.opts.Access.Pools {
		if c.may("/pool/"+p, "Pool.Audit") && (!c.args.has("poolid") || c.args.get("poolid") == p) {
			out = append(out, map[string]string{"poolid": p})
		}
	}
	return out, nil
}

func (c *call) checkPool(name string) error {
	if !slices.Contains(c.srv.opts.Access.Pools, name) {
		return die("no such pool '%s'", name)
	}
	return nil
}

func showPool(c *call) (any, error) {
	name := c.vars["poolid"]
	if err := c.checkPool(name); err != nil {
		return nil, err
	}
	members := []map[string]any{}
	for _, id := range c.srv.vmids() {
		v, err := c.srv.load(id)
		if err == nil && v.Pool == name {
			members = append(members, c.srv.resource(id, &v))
		}
	}
	return map[string]any{"poolid": name, "members": members}, nil
}
