package inventory

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
)

// serviceForm is that of a Kubernetes Service: it begins with a letter.
var serviceForm = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// validateServices checks each service and tells its own findings.
func validateServices(p Project, all []*findings) {
	names, hosts := map[string]string{}, map[string]string{}
	for i, s := range p.Services {
		f := all[i]
		validateHeader(f, s.APIVersion, s.Kind, "Service")
		validateServiceName(f, s.Name)
		firstIn(names, f, "name", s.Name)
		if f.require(s.Host != "", "host", "name the host under which it is reached, such as git.example.org") {
			f.check(isHostName(s.Host) && strings.Contains(s.Host, "."), "host", "not a host name", "write it in lower case without scheme, port and path, such as git.example.org")
		}
		firstIn(hosts, f, "host", s.Host)
		f.check(s.Expose == "" || s.Expose == "lan" || s.Expose == "public", "expose", "neither lan nor public", "lan, the default, keeps it off the internet")
		validateBackends(p.Cluster, s, f)
	}
}

func validateServiceName(f *findings, name string) {
	const hint = "use a-z, 0-9 and -, beginning with a letter, at most 63"
	if !f.require(name != "", "name", hint) {
		return
	}
	if f.check(serviceForm.MatchString(name), "name", "not a name for a service", hint) {
		f.check(filepath.Base(f.file) == name+".yaml", "name", "not that of the file", "rename the file to "+name+".yaml, or correct the name")
	}
}

// firstIn adds a problem where value was already seen in another file.
func firstIn(seen map[string]string, f *findings, path, value string) {
	if first, ok := seen[value]; ok && value != "" {
		f.add(path, "the same as in "+first, "each service needs its own")
		return
	}
	seen[value] = f.file
}

func validateBackends(c Cluster, s Service, f *findings) {
	if !f.require(len(s.To) > 0, "to", "name the address and port where it runs, such as 10.0.0.20:3000") {
		return
	}
	seen := unique{}
	for i, to := range s.To {
		path := indexPath("to", i)
		a, err := netip.ParseAddrPort(to)
		if !f.check(err == nil && a.Port() != 0, path, "not address:port", "write it like 10.0.0.20:3000") {
			continue
		}
		f.check(isUnicast(a.Addr()), path, "not the address of a server", "name the address in the LAN")
		for _, own := range clusterNetworks() {
			f.check(!own.Contains(a.Addr()), path, "inside "+own.String()+", which K3s uses inside the cluster", "name the address in the LAN")
		}
		for _, n := range c.Nodes {
			f.check(a.Addr() != n.Address || a.Port() != 80 && a.Port() != 443, path, "the edge itself", "name the server behind it")
		}
		seen.check(f, path, a.String())
	}
}
