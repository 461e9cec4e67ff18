package style

import (
	"slices"
	"strconv"
	"strings"
)

// Arrow says what a folder may import, and why.
type Arrow struct {
	Folder string   // the folder and all below it, unless a longer one matches
	Ours   []string // folders of ours that may be imported, with all below them; "*" for any but cmd
	Reason string
}

// Arrows is the table of the design's "who may import whom". The longest
// matching folder decides; a folder without a row fails.
func Arrows() []Arrow {
	domain := []string{"inventory", "provision/machine", "provision/converge"}
	onCluster := slices.Clip(append(domain, "provision/cluster")) // so that no row gets the end of another
	return []Arrow{
		{"inventory", nil, "what the user wants knows nothing of how it is done"},
		{"provision/machine", nil, "the host abstraction is a leaf that everybody may use"},
		{"provision/machine/ssh", []string{"provision/machine"}, "one implementation of the host abstraction"},
		{"provision/machine/look", []string{"provision/machine"}, "both sides share the document, and it belongs to neither"},
		{"provision/cluster", nil, "the cluster abstraction is a leaf that everybody may use"},
		{"provision/converge", nil, "the engine knows no domain"},
		{"provision", domain, "domains never import one another"},
		{"hardening", append(onCluster, "hardening"), "domains never import one another"},
		{"hardening/firewall", nil, "a ruleset's meaning does not depend on who wants it"},
		{"hardening/facts", []string{"hardening/firewall", "provision/machine/look"}, "the document is shared by both sides and belongs to neither"},
		{"hardening/node", []string{"hardening/facts", "hardening/firewall", "provision/machine/look"}, "the node agent stays small and carries no controls"},
		{"hardening/agent", []string{"provision/machine"}, "it only hands out programs"},
		{"k3s", append(onCluster, "k3s"), "domains never import one another"},
		{"addons", append(onCluster, "addons"), "domains never import one another"},
		{"cmd/k3sedge", []string{"cmd/internal/cli"}, "main only starts the command line"},
		{"cmd/k3sedge-node", []string{"hardening/node", "provision/machine/look"}, "the agent carries nothing of the operator's side"},
		{"cmd/k3sedge-lab", []string{"testinfra", "inventory"}, "the lab's main may use the lab"},
		{"cmd/internal/cli", []string{"inventory", "provision", "hardening", "k3s", "addons"}, "the one place that sees all"},
		{"testinfra", []string{"*"}, "test infrastructure may use everything but commands"},
	}
}

// Single names third-party modules that one folder alone may import.
func Single() map[string][]string {
	return map[string][]string{
		"golang.org/x/crypto/ssh":            {"provision/machine/ssh"},
		"github.com/pkg/sftp":                {"provision/machine/ssh"},
		"github.com/luthermonson/go-proxmox": {"provision"},
		"github.com/google/nftables":         {"hardening/firewall"},
		"helm.sh/helm":                       {"addons/chart"},
		"github.com/urfave/cli":              {"cmd/internal/cli", "cmd/k3sedge-lab"},
	}
}

const sshFolder = "provision/machine/ssh"

// WrongImports lists the imports of a file that go against the arrows.
// Tests may import test infrastructure on top of what their folder may.
func WrongImports(f File) []string {
	var out []string
	for _, spec := range f.AST.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it, so it is quoted
		}
		if why := wrongImport(f, path); why != "" {
			out = append(out, f.At(spec.Pos())+" imports "+path+": "+why)
		}
	}
	return out
}

func wrongImport(f File, path string) string {
	ours, isOurs := strings.CutPrefix(path, Module+"/")
	if !isOurs {
		return wrongThirdParty(f, path)
	}
	a, ok := arrowOf(f.Dir())
	switch {
	case !ok:
		return "no arrow for " + f.Dir()
	case ours == f.Dir():
		return "" // an external test of the same folder
	case f.Test && below(ours, "testinfra"):
		return ""
	case ours == sshFolder && f.Dir() != "cmd/internal/cli" && !below(f.Dir(), "testinfra"):
		return "domains work with the host abstraction, not with SSH"
	case allows(a, ours):
		return ""
	}
	return a.Reason
}

func wrongThirdParty(f File, path string) string {
	if f.Test || below(f.Dir(), "testinfra") {
		return ""
	}
	for prefix, folders := range Single() {
		if !below(path, prefix) {
			continue
		}
		for _, folder := range folders {
			if f.Dir() == folder {
				return ""
			}
		}
		return "only " + strings.Join(folders, " and ") + " may import it"
	}
	return ""
}

func arrowOf(dir string) (Arrow, bool) {
	var best Arrow
	for _, a := range Arrows() {
		if below(dir, a.Folder) && len(a.Folder) > len(best.Folder) {
			best = a
		}
	}
	return best, best.Folder != ""
}

func allows(a Arrow, ours string) bool {
	for _, o := range a.Ours {
		if o == "*" && !below(ours, "cmd") || below(ours, o) {
			return true
		}
	}
	return false
}

func below(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
