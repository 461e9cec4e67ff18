package inventory

import (
	"path/filepath"
	"strings"
)

// places knows what the paths in a file are relative to.
type places struct {
	folder string // of the file
	home   string // "" when unknown
}

// expand makes a path of the file usable from anywhere: ~/ is the home folder,
// and what is relative starts at the file's folder.
func (p places) expand(path string) string {
	switch {
	case path == "":
		return ""
	case p.home != "" && (path == "~" || strings.HasPrefix(path, "~/")):
		return filepath.Join(p.home, path[1:])
	case filepath.IsAbs(path):
		return filepath.Clean(path)
	}
	return filepath.Join(p.folder, path)
}

// expandRef expands what follows file: and leaves everything else alone.
func (p places) expandRef(ref string) string {
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		return "file:" + p.expand(path)
	}
	return ref
}

// expandAll expands every path of the cluster.
func (p places) expandAll(c *Cluster) {
	for i, path := range c.SSH.Identities {
		c.SSH.Identities[i] = p.expand(path)
	}
	for i, key := range c.SSH.AuthorizedKeys {
		c.SSH.AuthorizedKeys[i] = p.expandRef(key)
	}
	if ref := c.SSH.Passphrase; ref != nil {
		*ref = SecretRef(p.expandRef(string(*ref)))
	}
	if x := c.Provider.Proxmox; x != nil {
		x.CAFile = p.expand(x.CAFile)
		x.Token.Secret = SecretRef(p.expandRef(string(x.Token.Secret)))
	}
}
