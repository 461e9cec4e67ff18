package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Where a server of K3s keeps its things.
const (
	k3sServerDir     = "/var/lib/rancher/k3s/server"
	encryptionConfig = k3sServerDir + "/cred/encryption-config.json"
)

// k3s begins to look at what a server keeps. An agent keeps nothing of it.
func (h Host) k3s(c *collector, r facts.K3sRequest) *facts.K3s {
	out := &facts.K3s{}
	if r.API != "" {
		c.part("k3s encryption", func() (err error) { out.Encryption, err = h.encryption(); return })
		c.part("k3s audit", func() (err error) { out.Audit, err = h.auditLog(c.ctx, r.API); return })
	}
	return out
}

// stores are the files of K3s' datastores: etcd's and SQLite's.
func stores() []string {
	return []string{k3sServerDir + "/db/etcd/member/snap/db", k3sServerDir + "/db/state.db"}
}

// encryption is how Secrets are kept on disk: as the API server is told to,
// and as the datastore's file has them.
func (h Host) encryption() (*facts.Encryption, error) {
	out := &facts.Encryption{Providers: []string{}}
	b, err := h.readSmall(encryptionConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read how Secrets are encrypted: %w", err)
	default:
		if out.Providers, err = secretProviders(b); err != nil {
			return nil, err
		}
	}
	for _, path := range stores() {
		f, err := os.Open(h.path(path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the datastore: %w", err)
		}
		out.Store = path
		out.Sealed, out.Plain, err = countSecrets(f)
		_ = f.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("read the datastore: %w", err)
		}
		break
	}
	return out, nil
}

// secretProviders are the names of those that handle Secrets. Their keys are
// not looked at; the parser's own words could quote them and are left out.
func secretProviders(config []byte) ([]string, error) {
	var c struct {
		Resources []struct {
			Resources []string
			Providers []map[string]json.RawMessage
		}
	}
	if json.Unmarshal(config, &c) != nil {
		return nil, errors.New("read " + encryptionConfig + ": it is not JSON")
	}
	out := []string{}
	for _, r := range c.Resources {
		if !slices.Contains(r.Resources, "secrets") {
			continue
		}
		for _, p := range r.Providers {
			for name := range p {
				out = append(out, name)
			}
		}
	}
	return out, nil
}
