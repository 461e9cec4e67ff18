package config

import "slices"

// masked stands in the place of a secret (K3s pkg/nodeconfig, OmittedValue).
const masked = "********"

// given are the settings as they were given, in the order of their first mention.
type given struct {
	names  []string
	values map[string][]string
}

func (g *given) set(name string, appends bool, values []string) {
	if !slices.Contains(g.names, name) {
		g.names = append(g.names, name)
	}
	if !appends {
		g.values[name] = nil
	}
	g.values[name] = append(g.values[name], values...)
}

// args are the command and each value after its flag.
func (g *given) args(role Role) []string {
	out := []string{string(role)}
	for _, name := range g.names {
		for _, value := range g.values[name] {
			if slices.Contains([]string{"token", "agent-token", "etcd-s3-access-key", "etcd-s3-secret-key", "datastore-endpoint"}, name) {
				value = masked
			}
			out = append(out, "--"+name, value)
		}
	}
	return out
}
