package fakecloudflare

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/ca"
)

// Options describe the account that the stand-in plays. All have a default.
type Options struct {
	// CA signs what the API and the edge show. Default a new one.
	CA *ca.CA
	// Zones default to one, TestZone in TestAccount.
	Zones []Zone
	// Tokens default to one, TestToken, that may do everything.
	Tokens []Token
	// Address is that of the edge: what a proxied name resolves to. Default 127.0.0.1.
	Address netip.Addr
	// Hosts are names outside the zones that the name server knows as well.
	Hosts map[string][]netip.Addr
	// Limit is how many requests a token has in a Window; then it waits for the
	// next. Defaults 1200 and five minutes.
	Limit  int
	Window time.Duration
	// State is what Save was given last by an earlier stand-in.
	State []byte
	// Save is given all that outlives the process, after each change.
	Save func(state []byte) error
}

// Zone is a domain of an account.
type Zone struct {
	ID      string `json:"id"`      // default made of the name
	Name    string `json:"name"`    // for example example.org
	Account string `json:"account"` // default TestAccount
	Status  string `json:"status"`  // active (default), pending, initializing, moved
	// Settings are those of a new zone, unless named here.
	Settings map[string]string `json:"settings,omitempty"`
}

// Token is an API token.
type Token struct {
	ID     string  `json:"id"` // default made of the value
	Value  string  `json:"value"`
	Status string  `json:"status"` // active (default), disabled, expired
	Grants []Grant `json:"grants"`
}

// Grant gives a permission on one zone (by name), one account (by ID) or on
// everything ("*").
type Grant struct {
	On         string     `json:"on"`
	Permission Permission `json:"permission"`
}

// Permission is one of a token's. Edit includes Read.
type Permission string

// The permissions that the stand-in knows.
const (
	ZoneRead     Permission = "Zone:Read"
	DNSRead      Permission = "DNS:Read"
	DNSEdit      Permission = "DNS:Edit"
	TunnelRead   Permission = "Cloudflare Tunnel:Read"
	TunnelEdit   Permission = "Cloudflare Tunnel:Edit"
	SettingsRead Permission = "Zone Settings:Read"
	SettingsEdit Permission = "Zone Settings:Edit"
	SSLRead      Permission = "SSL and Certificates:Read"
	SSLEdit      Permission = "SSL and Certificates:Edit"
)

// What a stand-in has that was told nothing else.
const (
	TestZone    = "lab.test"
	TestAccount = "a0000000000000000000000000000001"
	TestToken   = "lab-token-with-all-rights-0000000000000a"
)

// All are all permissions, on one zone, account or everything ("*").
func All(on string) []Grant {
	return Grants(on, ZoneRead, DNSEdit, TunnelEdit, SettingsEdit, SSLEdit)
}

// Grants gives some permissions on one zone, account or everything ("*").
func Grants(on string, permissions ...Permission) []Grant {
	var out []Grant
	for _, p := range permissions {
		out = append(out, Grant{On: on, Permission: p})
	}
	return out
}

var (
	hexID      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]{40,120}$`)
)

// withDefaults fills what was left out and refuses what cannot be played.
func (o Options) withDefaults() (Options, error) {
	if o.CA == nil {
		made, err := ca.New("fakecloudflare")
		if err != nil {
			return o, err
		}
		o.CA = made
	}
	if o.Zones == nil {
		o.Zones = []Zone{{Name: TestZone}}
	}
	if o.Tokens == nil {
		o.Tokens = []Token{{Value: TestToken, Grants: All("*")}}
	}
	if !o.Address.IsValid() {
		o.Address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if o.Limit == 0 {
		o.Limit = 1200
	}
	if o.Window == 0 {
		o.Window = 5 * time.Minute
	}
	o.Zones, o.Tokens = slices.Clone(o.Zones), slices.Clone(o.Tokens)
	var problems []error
	for i := range o.Zones {
		problems = append(problems, o.Zones[i].complete())
	}
	for i := range o.Tokens {
		problems = append(problems, o.Tokens[i].complete())
	}
	return o, errors.Join(problems...)
}

func (z *Zone) complete() error {
	z.ID = cmp.Or(z.ID, hexOf("zone "+z.Name))
	z.Account = cmp.Or(z.Account, TestAccount)
	z.Status = cmp.Or(z.Status, "active")
	switch {
	case !hexID.MatchString(z.ID) || !hexID.MatchString(z.Account):
		return fmt.Errorf("start fakecloudflare: zone %s: an ID is 32 hexadecimal digits", z.Name)
	case !validName(z.Name) || !strings.Contains(z.Name, "."):
		return fmt.Errorf("start fakecloudflare: zone %q: not a domain", z.Name)
	case !slices.Contains([]string{"active", "pending", "initializing", "moved"}, z.Status):
		return fmt.Errorf("start fakecloudflare: zone %s: status %q is not taught", z.Name, z.Status)
	}
	for name, value := range z.Settings {
		if !slices.Contains(settings()[name], value) {
			return fmt.Errorf("start fakecloudflare: zone %s: setting %s=%q is not taught", z.Name, name, value)
		}
	}
	return nil
}

func (t *Token) complete() error {
	t.ID = cmp.Or(t.ID, hexOf("token "+t.Value))
	t.Status = cmp.Or(t.Status, "active")
	if !tokenShape.MatchString(t.Value) {
		return errors.New("start fakecloudflare: a token has 40 letters, digits, - and _ at least")
	}
	if !slices.Contains([]string{"active", "disabled", "expired"}, t.Status) {
		return fmt.Errorf("start fakecloudflare: token status %q is not taught", t.Status)
	}
	known := []Permission{ZoneRead, DNSRead, DNSEdit, TunnelRead, TunnelEdit, SettingsRead, SettingsEdit, SSLRead, SSLEdit}
	for _, g := range t.Grants {
		if !slices.Contains(known, g.Permission) || g.On == "" {
			return fmt.Errorf("start fakecloudflare: permission %q on %q is not taught", g.Permission, g.On)
		}
	}
	return nil
}
