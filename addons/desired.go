package addons

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// Config is what the services' stage works on.
type Config struct {
	Cluster  inventory.Cluster
	Services []inventory.Service // all of the folder
	// Secrets resolves what a file refers to. Only Groups goes without it.
	Secrets func(context.Context, inventory.SecretRef) (inventory.Secret, error)
	// Signer signs for edge.certificates.issuer: origin.
	Signer Signer
	// Cloudflare are its networks, in which no server of the LAN stands.
	Cloudflare []netip.Prefix
	// NoFolder says that there is no folder of services. That is more likely
	// a checkout without it than the wish to take everything away.
	NoFolder bool
	// Only names the one service that is looked at, applied, or, where it is
	// not among Services, taken away. Empty means all.
	Only string

	unknown bool // secrets are named and not held
}

// want is one object as it is to be.
type want struct {
	owner  string // the service, or "" for what all refer to
	object object.Object
	send   cluster.Object
	sum    string
}

// chosen are the services that are worked on.
func (c Config) chosen() []inventory.Service {
	if c.Only == "" {
		return c.Services
	}
	for _, s := range c.Services {
		if s.Name == c.Only {
			return []inventory.Service{s}
		}
	}
	return nil
}

// desired makes the objects of all chosen services, and reports all that
// cannot be made.
func (c Config) desired(ctx context.Context) ([]want, error) {
	system, err := SystemObjects(c.Cluster)
	if err != nil {
		return nil, err
	}
	out, err := rendered(nil, "", system)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, s := range c.chosen() {
		objects, err := c.objectsOf(ctx, s)
		if err == nil {
			out, err = rendered(out, s.Name, objects)
		}
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

func (c Config) objectsOf(ctx context.Context, s inventory.Service) ([]object.Object, error) {
	secrets, err := c.secretsOf(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.Name, err)
	}
	return Objects(c.Cluster, s, secrets)
}

func rendered(out []want, owner string, objects []object.Object) ([]want, error) {
	for _, o := range objects {
		send, err := object.ToCluster(o)
		if err != nil {
			return nil, err
		}
		sum, err := object.Checksum(o)
		if err != nil {
			return nil, err
		}
		out = append(out, want{owner, o, send, sum})
	}
	return out, nil
}

func (c Config) secretsOf(ctx context.Context, s inventory.Service) (Secrets, error) {
	var out Secrets
	var err error
	out.Unknown = c.unknown
	if s.BasicAuth != nil && !out.Unknown {
		if out.Users, err = c.Secrets(ctx, s.BasicAuth.Users); err != nil {
			return Secrets{}, fmt.Errorf("basicAuth.users: %w", err)
		}
	}
	out.CA, err = authority(s)
	return out, err
}

// authority reads the file of tls.ca, which is no secret.
func authority(s inventory.Service) ([]byte, error) {
	if s.TLS == nil || s.TLS.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(strings.TrimPrefix(s.TLS.CA, "file:"))
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("tls.ca: %w", err), "name a PEM file with the authority's certificates")
	}
	return pem, nil
}

// id is how changes name an object: SERVICE/KIND/NAME.
func id(owner string, k object.Kind, name string) string {
	if owner == "" {
		owner = "edge"
	}
	return owner + "/" + k.Name + "/" + name
}
