package hardening

import (
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// startedWith is the command line with which K3s says that it was started on a node.
func startedWith(f *facts.Facts, node string) []string {
	for _, n := range f.Cluster.Nodes {
		if n.Name == node {
			return n.Args
		}
	}
	return nil
}

// flagValues are all values of one of K3s' flags, which it writes one after another.
func flagValues(args []string, flag string) []string {
	var out []string
	for i, a := range args {
		if name, value, joined := strings.Cut(a, "="); joined && name == "--"+flag {
			out = append(out, value)
		} else if a == "--"+flag && i+1 < len(args) {
			out = append(out, args[i+1])
		}
	}
	return out
}

// partArgument is the last value of an argument of one of Kubernetes' parts, which
// K3s hands on in a flag of its own.
func partArgument(args []string, flag, name string) string {
	last := ""
	for _, v := range flagValues(args, flag) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			last = value
		}
	}
	return last
}
