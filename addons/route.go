package addons

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// route is a rule of somebody else that Traefik follows.
type route struct {
	where   string // Ingress default/old
	hosts   []string
	regexps []string
	// deep says that a wildcard stands for several labels.
	deep bool
	// entries are the entrypoints; none stands for Traefik's default, that of the LAN.
	entries []string
	// tcp goes before all others: what is in the connection is not looked at.
	tcp bool
	// part is a route for some of a host's paths only. Its rule is longer than
	// ours and wins, always in the same way.
	part bool
}

// routes of one object. What cannot be read is an error: a route that is not
// seen is one that may be broken.
func routes(it item) ([]route, error) {
	var out []route
	var err error
	switch it.kind.Name {
	case "Ingress":
		out, err = ingressRoutes(it)
	case "HTTPRoute":
		out, err = gatewayRoutes(it)
	default:
		out, err = traefikRoutes(it)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", it.path(), err)
	}
	for i := range out {
		out[i].where = it.kind.Name + " " + it.meta.Namespace + "/" + it.meta.Name
	}
	return out, nil
}

func ingressRoutes(it item) ([]route, error) {
	var o struct {
		Spec struct {
			IngressClassName string
			Rules            []struct {
				Host string
				HTTP struct{ Paths []struct{ Path string } }
			}
		}
	}
	if err := json.Unmarshal(it.raw, &o); err != nil {
		return nil, err
	}
	class := it.meta.Annotations["kubernetes.io/ingress.class"]
	if class == "" {
		class = o.Spec.IngressClassName
	}
	if class != "" && class != ingressClass {
		return nil, nil // another controller's
	}
	entries := list(it.meta.Annotations[annotations+"router.entrypoints"])
	var out []route
	for _, r := range o.Spec.Rules {
		for _, p := range r.HTTP.Paths {
			if r.Host != "" {
				out = append(out, route{hosts: []string{r.Host}, entries: entries, part: !whole(p.Path)})
			}
		}
	}
	return out, nil
}

func gatewayRoutes(it item) ([]route, error) {
	var o struct {
		Spec struct {
			Hostnames []string
			Rules     []struct {
				Matches []struct{ Path struct{ Value string } }
			}
		}
	}
	if err := json.Unmarshal(it.raw, &o); err != nil {
		return nil, err
	}
	out := route{hosts: o.Spec.Hostnames, deep: true, part: true}
	for _, r := range o.Spec.Rules {
		all := len(r.Matches) == 0
		for _, m := range r.Matches {
			all = all || whole(m.Path.Value)
		}
		out.part = out.part && !all
	}
	return []route{out}, nil
}

func traefikRoutes(it item) ([]route, error) {
	var o struct {
		Spec struct {
			EntryPoints []string
			Routes      []struct{ Match string }
		}
	}
	if err := json.Unmarshal(it.raw, &o); err != nil {
		return nil, err
	}
	var out []route
	for _, r := range o.Spec.Routes {
		m := parseMatch(r.Match)
		m.entries = o.Spec.EntryPoints
		if len(m.hosts)+len(m.regexps) > 0 {
			out = append(out, m)
		}
	}
	return out, nil
}

// whole reports whether a path stands for all of a host.
func whole(path string) bool { return path == "" || path == "/" }

func list(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// takes reports whether the route competes for requests to host. Our own
// wildcards are served last of all, so that a host of somebody else's under
// one is no conflict; a wildcard of theirs over a host of ours is one, because
// its rule is the longer.
func (r route) takes(host string) bool {
	name, wildcard := strings.CutPrefix(host, "*.")
	for _, h := range r.hosts {
		h = strings.ToLower(h)
		base, wide := strings.CutPrefix(h, "*.")
		switch {
		case h == host:
			return true
		case wide && !wildcard && covers(base, host, r.deep):
			return true
		}
	}
	probe := host
	if wildcard {
		probe = "k3sedge-probe." + name
	}
	return slices.ContainsFunc(r.regexps, func(pattern string) bool {
		// A pattern that Go does not take, Traefik does not take either.
		matched, err := regexp.MatchString(pattern, probe)
		return err == nil && matched
	})
}

func covers(base, host string, deep bool) bool {
	label, ok := strings.CutSuffix(host, "."+base)
	return ok && (deep || !strings.Contains(label, "."))
}

// on reports whether the route stands on one of the entrypoints.
func (r route) on(entries []string) bool {
	mine := r.entries
	if len(mine) == 0 {
		mine = []string{entryLAN}
	}
	return slices.ContainsFunc(mine, func(e string) bool { return slices.Contains(entries, e) })
}
