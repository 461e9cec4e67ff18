package addons

import (
	"net/netip"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// The names of our middlewares. Traefik joins namespace and name with a dash,
// and two that become the same take each other's place; without a dash in the
// last part ours never do.
const (
	headersName    = "headers"
	rateName       = "rate"
	rateTunnelName = "ratetunnel"
	allowName      = "allow"
	authName       = "auth"
	compressName   = "compress"
)

// chain is the middlewares of a service: the objects, and how the routes name them.
type chain struct {
	objects     []object.Object
	lan, tunnel []string
}

// middlewares are in the order in which a request meets them: the limit before
// all that costs something, the headers around whatever answers after them.
func (w wanted) middlewares() (chain, error) {
	var c chain
	if err := w.limit(&c); err != nil {
		return chain{}, err
	}
	if ranges := w.allowed(); len(ranges) > 0 {
		w.both(&c, allowName, object.MiddlewareSpec{IPAllowList: &object.IPAllowList{SourceRange: ranges}})
	}
	w.both(&c, headersName, object.MiddlewareSpec{Headers: headersOf(w.Service)})
	if w.BasicAuth != nil {
		users, err := w.users()
		if err != nil {
			return chain{}, err
		}
		c.objects = append(c.objects, users)
		w.both(&c, authName, object.MiddlewareSpec{BasicAuth: &object.BasicAuth{Secret: users.Name, RemoveHeader: true}})
	}
	if presetOf(w.Preset).compress {
		w.both(&c, compressName, object.MiddlewareSpec{Compress: &object.Compress{ExcludedContentTypes: compressed()}})
	}
	for _, m := range w.Middlewares {
		c.refer(m, m)
	}
	return c, nil
}

// allowed are the clients that may come; none for everybody. Where the router
// forwards its port to the entrypoint of the LAN, what only the LAN may reach
// needs a list: whoever has an account at Cloudflare can send from there, with
// any host name.
func (w wanted) allowed() []string {
	ranges := w.Allow
	if len(ranges) == 0 && w.edge.Mode == inventory.EdgePortForward && !w.forwarded() {
		ranges = private(w.lan)
	}
	out := make([]string, 0, len(ranges))
	for _, p := range ranges {
		out = append(out, p.Masked().String())
	}
	return out
}

// private are the networks that are on no internet, and the LAN, whatever it has.
func private(lan netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
		out = append(out, netip.MustParsePrefix(p))
	}
	if lan.IsValid() && !lan.Addr().IsPrivate() {
		out = append(out, lan)
	}
	return out
}

// both adds a middleware to the routes of the LAN and of the tunnel.
func (w wanted) both(c *chain, name string, spec object.MiddlewareSpec) {
	c.objects = append(c.objects, object.Middleware{Meta: w.meta(name), Spec: spec})
	id := reference(NamespaceOf(w.Name), name)
	c.refer(id, id)
}

func (c *chain) refer(lan, tunnel string) {
	c.lan, c.tunnel = append(c.lan, lan), append(c.tunnel, tunnel)
}

// users is the Secret with the names and passwords.
func (w wanted) users() (object.Secret, error) {
	const key = "users"
	out := object.Secret{Meta: w.meta(w.Name + "-users"), Type: "Opaque", From: map[string]string{key: w.BasicAuth.Users.Shown()}}
	var lines inventory.Secret
	if !w.secrets.Unknown {
		var err error
		if lines, err = htpasswd(w.secrets.Users); err != nil {
			return object.Secret{}, err
		}
	}
	out.Hidden = map[string]inventory.Secret{key: lines}
	return out, nil
}
