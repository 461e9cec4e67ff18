package inventory

import (
	"net/netip"
	"strings"
)

// Edge says how requests reach the nodes from outside.
type Edge struct {
	Mode EdgeMode `yaml:"mode,omitempty"`
	// RateLimit is the limit for each client on the LAN, such as 100/s:200
	// (average per unit, and burst), TunnelRateLimit that for each visitor
	// through the tunnel. Services may set their own.
	RateLimit       RateLimit `yaml:"rateLimit,omitempty"`
	TunnelRateLimit RateLimit `yaml:"tunnelRateLimit,omitempty"`
	// AllowFrom are further sources that may reach ports 80 and 443. The LAN
	// (network.cidr) always may; in mode portforward Cloudflare may as well.
	AllowFrom []netip.Prefix `yaml:"allowFrom,omitempty"`
	// PublicAddresses are the router's on the internet, for the records of
	// public services in mode portforward. Left out, those records are the user's.
	PublicAddresses []netip.Addr `yaml:"publicAddresses,omitempty"`
	// Cloudflare is where names are kept. Left out, no record and no tunnel is
	// touched: both are the user's.
	Cloudflare *Cloudflare `yaml:"cloudflare,omitempty"`
	// Certificates says who signs those of the services. Left out, each secret
	// NAME-tls is the user's to fill.
	Certificates *Certificates `yaml:"certificates,omitempty"`
	// Tunnel may be left out: its defaults suit mode tunnel.
	Tunnel *Tunnel `yaml:"tunnel,omitempty"`
}

// EdgeMode is the way in from the internet.
type EdgeMode string

// The edge modes.
const (
	EdgeLAN         EdgeMode = "lan"         // no way in
	EdgePortForward EdgeMode = "portforward" // the router forwards 80 and 443; Cloudflare stands in front
	EdgeTunnel      EdgeMode = "tunnel"      // cloudflared dials out and hands over on loopback
)

// Cloudflare is an account there, and what of it k3sedge may use.
type Cloudflare struct {
	// Token needs Zone:Read and DNS:Edit for the zones, and in mode tunnel
	// Cloudflare Tunnel:Edit for the account.
	Token SecretRef `yaml:"token"`
	// Zones are the only ones in which records are made. Hosts of services
	// have to lie in one of them.
	Zones []string `yaml:"zones"`
	// Account is the ID of the account. Left out, it is that of the first zone.
	Account string `yaml:"account,omitempty"`
	// AdvancedCertificates says that certificates bought from Cloudflare cover
	// public names more than one label below a zone.
	AdvancedCertificates bool `yaml:"advancedCertificates,omitempty"`
}

// Zone is the zone in which a host lies, the longest one, or "".
func (c Cloudflare) Zone(host string) string {
	best := ""
	for _, zone := range c.Zones {
		if (host == zone || strings.HasSuffix(host, "."+zone)) && len(zone) > len(best) {
			best = zone
		}
	}
	return best
}

// Certificates says how services get theirs: by ACME, proven by DNS records
// (DNS-01), or from Cloudflare's Origin CA.
type Certificates struct {
	Issuer Issuer `yaml:"issuer,omitempty"`
	// Directory is the address of an ACME server for issuer acme, and CA
	// file:PATH of a PEM file with its authority, where that is not a public one.
	Directory string `yaml:"directory,omitempty"`
	CA        string `yaml:"ca,omitempty"`
	// Email is told to the ACME server; it may be left out.
	Email    string       `yaml:"email,omitempty"`
	Strategy CertStrategy `yaml:"strategy,omitempty"`
	// Profile is one of the ACME server's kinds of certificates, such as
	// shortlived at Let's Encrypt; left out, it is the server's own choice.
	Profile string `yaml:"profile,omitempty"`
	// Token is cert-manager's own, with Zone:Read and DNS:Edit; it is kept in
	// the cluster. Left out, that of edge.cloudflare is.
	Token *SecretRef `yaml:"token,omitempty"`
	// Nameservers are asked whether a proof is visible, address:port each.
	Nameservers []string `yaml:"nameservers,omitempty"`
	// RenewBeforePercentage is the part of its life that a certificate has
	// left when it is renewed.
	RenewBeforePercentage int `yaml:"renewBeforePercentage,omitempty"`
}

// Issuer is who signs certificates.
type Issuer string

// The issuers.
const (
	IssuerProduction Issuer = "production" // Let's Encrypt, the default
	IssuerStaging    Issuer = "staging"    // Let's Encrypt's, whose certificates nobody trusts
	IssuerACME       Issuer = "acme"       // any ACME server
	IssuerOrigin     Issuer = "origin"     // Cloudflare's Origin CA, which only Cloudflare trusts
)

// CertStrategy says what one certificate is for.
type CertStrategy string

// The strategies.
const (
	CertPerHost  CertStrategy = "per-host" // the default
	CertWildcard CertStrategy = "wildcard" // one for each zone and all names one label below it
)

// Tunnel is the one from Cloudflare to the nodes.
type Tunnel struct {
	// Name is that of the tunnel at Cloudflare.
	Name       string           `yaml:"name,omitempty"`
	Management TunnelManagement `yaml:"management,omitempty"`
	// Credentials are what `cloudflared tunnel create` wrote, for management local.
	Credentials *SecretRef `yaml:"credentials,omitempty"`
}

// TunnelManagement says where the tunnel's rules are kept.
type TunnelManagement string

// The kinds of management.
const (
	TunnelRemote TunnelManagement = "remote" // at Cloudflare, the default; the token needs Cloudflare Tunnel:Edit
	TunnelLocal  TunnelManagement = "local"  // in the cluster
)

// OverCloudflare reports whether the tunnel is made by k3sedge.
func (e *Edge) OverCloudflare() bool {
	return e != nil && e.Mode == EdgeTunnel && e.Cloudflare != nil
}
