package inventory

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	labelForm   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	uuidForm    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	controlForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,3}-[0-9]{2}$`)
	userForm    = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
)

const (
	labelHint   = "use a-z, 0-9 and -, at most 63, with a letter or digit at both ends"
	notLabel    = "not a DNS label"
	controlHint = "k3sedge harden controls lists them, such as SSH-13"
)

// validateCluster tells f everything about c that would fail later.
func validateCluster(c Cluster, f *findings) {
	validateHeader(f, c.APIVersion, c.Kind, "Cluster")
	if f.require(c.Name != "", "name", labelHint) {
		f.check(labelForm.MatchString(c.Name), "name", notLabel, labelHint)
	}
	const idHint = "k3sedge init makes one up; in a running cluster it must stay what it was"
	if f.require(c.ID != "", "id", idHint) {
		f.check(uuidForm.MatchString(c.ID), "id", "not a UUID", idHint)
	}
	validateProvider(c, f)
	validateNetwork(c, f)
	validateSSH(c, f)
	validateNodes(c, f)
	validateK3s(c, f)
	validateHardening(c, f)
}

func validateHeader(f *findings, apiVersion, kind, want string) {
	hint := "write apiVersion: " + APIVersion
	if f.require(apiVersion != "", "apiVersion", hint) {
		f.check(apiVersion == APIVersion, "apiVersion", "not known to this version of k3sedge", hint)
	}
	hint = "write kind: " + want
	if f.require(kind != "", "kind", hint) {
		f.check(kind == want, "kind", "not "+want, hint)
	}
}

// unique finds what was there before.
type unique map[string]string

// check adds a problem at path where value was already seen at another path.
func (u unique) check(f *findings, path, value string) {
	if first, ok := u[value]; ok {
		f.add(path, "the same as "+first, "each needs its own")
		return
	}
	u[value] = path
}

// validateSecretRef never repeats the value: where it is no reference, it is
// most likely the secret itself.
func validateSecretRef(f *findings, path string, ref SecretRef) {
	if !f.require(ref != "", path, refHint) {
		return
	}
	if err := ref.check(); err != nil {
		f.add(path, err.Error(), refHint)
	}
}

func validatePort(f *findings, path string, port int) {
	f.check(port >= 1 && port <= 65535, path, "not a port", "ports go from 1 to 65535")
}

// validateHostKey checks the public key of a host.
func validateHostKey(f *findings, path, line string) {
	if err := checkPublicKey(line, keyTypes()); err != nil {
		f.add(path, err.Error(), "ssh-keyscan -t ed25519 HOST shows it after the host's name; compare it with /etc/ssh/ssh_host_ed25519_key.pub there")
	}
}

// isHostName reports whether s is a DNS name of lower-case labels.
func isHostName(s string) bool {
	const longest = 253
	if s == "" || len(s) > longest {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !labelForm.MatchString(label) {
			return false
		}
	}
	return true
}

func atLeast(least any) string { return fmt.Sprintf("less than %v, below the minimum of K3s", least) }
