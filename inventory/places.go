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

// shortenRef is the reverse of expandRef: what is in the project stays there
// when its folder is moved.
func (p places) shortenRef(ref string) string {
	path, ok := strings.CutPrefix(ref, "file:")
	if !ok || path == "" {
		return ref
	}
	file, errFile := filepath.Abs(path)
	folder, errFolder := filepath.Abs(p.folder)
	if errFile != nil || errFolder != nil {
		return ref // the working folder is gone
	}
	short, err := filepath.Rel(folder, file)
	if outside := filepath.Join("..", ".."); err != nil || strings.HasPrefix(short, outside) {
		return "file:" + file
	}
	return "file:" + short
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
	if k := c.K3s; k != nil {
		k.Bundle, k.Binary = p.expand(k.Bundle), p.expandRef(k.Binary)
	}
	if e := c.Edge; e != nil {
		p.expandEdge(e)
	}
	if x := c.Provider.Proxmox; x != nil {
		x.CAFile = p.expand(x.CAFile)
		x.Token.Secret = SecretRef(p.expandRef(string(x.Token.Secret)))
	}
}

func (p places) expandEdge(e *Edge) {
	secret := func(ref *SecretRef) {
		if ref != nil {
			*ref = SecretRef(p.expandRef(string(*ref)))
		}
	}
	if e.Cloudflare != nil {
		secret(&e.Cloudflare.Token)
	}
	if e.Certificates != nil {
		e.Certificates.CA = p.expandRef(e.Certificates.CA)
		secret(e.Certificates.Token)
	}
	if e.Tunnel != nil {
		secret(e.Tunnel.Credentials)
	}
}

// eachRef replaces every file:PATH of the service, and every reference that may be one.
func (s *Service) eachRef(replace func(string) string) {
	if s.TLS != nil {
		tls := *s.TLS // others may hold the pointer
		tls.CA = replace(tls.CA)
		s.TLS = &tls
	}
	if s.BasicAuth != nil {
		s.BasicAuth = &BasicAuth{Users: SecretRef(replace(string(s.BasicAuth.Users)))}
	}
}
