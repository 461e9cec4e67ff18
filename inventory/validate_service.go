package inventory

import (
	"path/filepath"
	"regexp"
	"strings"
)

var (
	// serviceForm is that of a Kubernetes Service, which begins with a letter.
	// edge- and the name make its namespace, of 63 characters at most.
	serviceForm = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,56}[a-z0-9])?$`)
	// middlewareForm is how Traefik names a Middleware of another namespace.
	middlewareForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?-[a-z0-9]([a-z0-9-]*[a-z0-9])?@kubernetescrd$`)
)

const serviceHint = "use a-z, 0-9 and -, beginning with a letter, at most 58"

// complete brings a service into the form in which it is validated and used.
func (s *Service) complete() {
	defaultService(s)
	s.Host = asciiHost(s.Host)
}

// validateServices checks each service and tells its own findings.
func validateServices(p Project, all []*findings) {
	names, hosts := map[string]string{}, map[string]string{}
	for i, s := range p.Services {
		f := all[i]
		validateHeader(f, s.APIVersion, s.Kind, "Service")
		validateServiceName(f, s.Name)
		firstIn(names, f, "name", s.Name)
		if f.require(s.Host != "", "host", "name the host under which it is reached, such as git.example.org") {
			f.tell("host", checkHost(s.Host))
		}
		// A host under another one's wildcard is fine: the longer rule wins.
		firstIn(hosts, f, "host", s.Host)
		validateBackends(p.Cluster, s, f)
		validateBackendTLS(s, f)
		validateAccess(p.Cluster, s, f)
		validateReach(p.Cluster, s, f)
		validatePassthrough(s, f)
		validateHeaders(s, f)
	}
}

func validateServiceName(f *findings, name string) {
	if !f.require(name != "", "name", serviceHint) {
		return
	}
	if f.check(serviceForm.MatchString(name), "name", "not a name for a service", serviceHint) {
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

// validateAccess checks who may come, how often and through what.
func validateAccess(c Cluster, s Service, f *findings) {
	if f.checkWord("expose", string(s.Expose), string(ExposeLAN), string(ExposePublic)) && s.Expose == ExposePublic && c.Edge != nil {
		f.check(c.Edge.Mode != EdgeLAN, "expose", "public, but edge.mode is lan", "set edge.mode to tunnel or portforward in k3sedge.yaml, or write expose: lan")
	}
	f.checkWord("preset", string(s.Preset), string(PresetWeb), string(PresetAPI), string(PresetMedia), string(PresetUpload), string(PresetStrict))
	validateRate(f, "rateLimit", s.RateLimit)
	validateAllow(s, f)
	if s.BasicAuth != nil {
		validateSecretRef(f, "basicAuth.users", s.BasicAuth.Users)
	}
	seen := unique{}
	for i, m := range s.Middlewares {
		path := indexPath("middlewares", i)
		if f.check(middlewareForm.MatchString(m), path, "not a reference to a middleware", middlewareHint(m)) {
			seen.check(f, path, m)
		}
	}
}

func middlewareHint(m string) string {
	name, provider, ok := strings.Cut(m, "@")
	switch {
	case strings.Contains(m, ","):
		return "write one reference an entry"
	case !ok && middlewareForm.MatchString(name+"@kubernetescrd"):
		return "without the suffix Traefik looks elsewhere: write " + name + "@kubernetescrd"
	case ok && provider != "kubernetescrd":
		return "only Middleware objects of the cluster can be used: NAMESPACE-NAME@kubernetescrd"
	}
	return "write NAMESPACE-NAME@kubernetescrd in lower case, with a dash for each dot"
}

func validateAllow(s Service, f *findings) {
	f.check(s.Allow == nil || len(s.Allow) > 0, "allow", "is empty", "leave it out to let everybody in")
	seen := unique{}
	for i, p := range s.Allow {
		path := indexPath("allow", i)
		validateSource(f, path, p)
		seen.check(f, path, p.String())
		f.check(!p.IsValid() || p.Bits() > 0, path, "lets everybody in", "leave allow out for that")
		// cloudflared hands over on loopback, so this would open the tunnel.
		f.check(p.Bits() == 0 || !p.Contains(loopbackOf(p)), path, "contains loopback, from where everybody on the tunnel comes", "name the networks of the clients")
	}
}
