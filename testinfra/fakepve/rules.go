package fakepve

import "strings"

// rule is the permission check of a route, made before its parameters are
// verified, as the real one does.
type rule func(*call) error

// allOf wants every privilege; the refusal names the first that is missing.
func allOf(path string, privs ...string) rule {
	return func(c *call) error { return c.check(c.fill(path), privs...) }
}

// anyOf wants one of the privileges.
func anyOf(path string, privs ...string) rule {
	return func(c *call) error { return c.checkAny(c.fill(path), privs...) }
}

// either passes if one of the rules does; a refusal names nothing, as in
// Proxmox VE.
func either(rules ...rule) rule {
	return func(c *call) error {
		for _, r := range rules {
			if r(c) == nil {
				return nil
			}
		}
		return denied("")
	}
}

func both(rules ...rule) rule {
	return func(c *call) error {
		for _, r := range rules {
			if err := r(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// fill replaces {name} in a path by the variable or parameter of that name.
func (c *call) fill(path string) string {
	for name, value := range c.vars {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	for name := range c.args {
		path = strings.ReplaceAll(path, "{"+name+"}", c.args.get(name))
	}
	return path
}

func (c *call) check(path string, privs ...string) error {
	has := c.srv.permissions(c.who, path)
	for _, p := range privs {
		if _, ok := has[p]; !ok {
			return denied(path + ", " + p)
		}
	}
	return nil
}

func (c *call) checkAny(path string, privs ...string) error {
	has := c.srv.permissions(c.who, path)
	for _, p := range privs {
		if _, ok := has[p]; ok {
			return nil
		}
	}
	return denied(path + ", " + strings.Join(privs, "|"))
}

// checkVM checks on the pool the machine is to be put into, else on the machine.
func (c *call) checkVM(vmid, pool string, privs ...string) error {
	if pool != "" && c.check("/pool/"+pool, privs...) == nil {
		return nil
	}
	return c.check("/vms/"+vmid, privs...)
}

func (c *call) may(path string, privs ...string) bool { return c.checkAny(path, privs...) == nil }
