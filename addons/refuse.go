package addons

import (
	"errors"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// What a file can say, field by field, and no set of objects can do.
var (
	errAllowPublic  = errors.New("allow cannot be kept for what is public: requests from the internet come from cloudflared or from Cloudflare, not from the client's address")
	errWildcardName = errors.New("the servers' certificates cannot be judged by the name of a wildcard")
	errNoCA         = errors.New("tls.ca holds no certificate")
)

// refuse finds what would be applied and then work otherwise than it says.
func (w wanted) refuse() error {
	judged := w.opens() && (w.TLS == nil || !w.TLS.Insecure)
	switch {
	case len(w.Allow) > 0 && w.Expose == inventory.ExposePublic:
		return machine.WithHint(errAllowPublic, "write expose: lan, or take allow out and let Cloudflare decide who may come")
	case judged && strings.HasPrefix(w.Host, "*.") && serverName(w.Service) == "":
		return machine.WithHint(errWildcardName, "write the name in their certificate as tls.serverName")
	case w.TLS != nil && w.TLS.CA != "" && len(w.secrets.CA) == 0:
		return machine.WithHint(errNoCA, "name a PEM file with the authority's certificates")
	}
	return nil
}
