package fakecloudflare

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// zone is a domain with its settings.
type zone struct {
	Zone
	Values  map[string]string `json:"values"`
	Serial  uint32            `json:"serial"` // of the SOA record
	Created time.Time         `json:"created"`
}

// settings are the ones that were taught, with their values; the first is that
// of a new zone.
func settings() map[string][]string {
	return map[string][]string{
		"ssl":              {"full", "off", "flexible", "strict"},
		"always_use_https": {"off", "on"},
		"min_tls_version":  {"1.0", "1.1", "1.2", "1.3"},
		"ech":              {"on", "off"},
	}
}

func newZone(z Zone) *zone {
	out := &zone{Zone: z, Values: map[string]string{}, Serial: 1, Created: now()}
	for name, values := range settings() {
		out.Values[name] = values[0]
	}
	maps.Copy(out.Values, z.Settings)
	return out
}

// servers are the zone's name servers. Cloudflare names them after people.
func (z *zone) servers() []string { return []string{"ada." + nsDomain, "bob." + nsDomain} }

const nsDomain = "ns.cloudflare.com"

func (z *zone) document() map[string]any {
	return map[string]any{
		"id": z.ID, "name": z.Name, "status": z.Status, "paused": false, "type": "full",
		"account": map[string]string{"id": z.Account, "name": "The lab"}, "name_servers": z.servers(),
		"created_on": z.Created, "modified_on": z.Created,
		"plan": map[string]any{"id": hexOf("free"), "name": "Free Website", "legacy_id": "free"},
	}
}

func zoneRoutes() []route {
	return []route{
		{"GET", "/zones", []string{"name", "status", "account.id", "page", "per_page"}, false, (*call).listZones},
		{"GET", "/zones/{zone}", nil, false, (*call).getZone},
		{"GET", "/zones/{zone}/settings/{setting}", nil, false, (*call).getSetting},
		{"PATCH", "/zones/{zone}/settings/{setting}", nil, false, (*call).patchSetting},
	}
}

// listZones shows the zones that the token may read; to others they do not exist.
func (c *call) listZones() (any, error) {
	if !slices.ContainsFunc(c.who.Grants, func(g Grant) bool { return g.Permission == ZoneRead }) {
		return nil, refuse(http.StatusForbidden, 9109, "Unauthorized to access requested resource")
	}
	found := []map[string]any{}
	for _, z := range c.srv.state.Zones {
		if c.who.may(ZoneRead, z.Name, z.Account) && c.fits("name", z.Name) && c.fits("status", z.Status) && c.fits("account.id", z.Account) {
			found = append(found, z.document())
		}
	}
	return cut(c, found, limits{20, 5, 50})
}

// fits says whether a value is the one that a parameter asks for.
func (c *call) fits(name, value string) bool {
	return !c.query.Has(name) || strings.EqualFold(c.query.Get(name), value)
}

// zone is that of the path, if the token has a permission on it.
func (c *call) zone(p Permission) (*zone, error) {
	id := c.vars["zone"]
	if !hexID.MatchString(id) {
		return nil, refuse(http.StatusNotFound, 7003, "Could not route to %s%s, perhaps your object identifier is invalid?", apiRoot, c.path)
	}
	for _, z := range c.srv.state.Zones {
		if z.ID == id && c.who.may(p, z.Name, z.Account) {
			return z, nil
		}
	}
	return nil, denied()
}

func (c *call) getZone() (any, error) {
	z, err := c.zone(ZoneRead)
	if err != nil {
		return nil, err
	}
	return z.document(), nil
}

func (c *call) getSetting() (any, error) {
	z, err := c.zone(SettingsRead)
	if err != nil {
		return nil, err
	}
	return z.setting(c.vars["setting"])
}

func (z *zone) setting(name string) (any, error) {
	value, ok := z.Values[name]
	if !ok {
		return nil, notTaught("the zone setting %s", name)
	}
	return map[string]any{"id": name, "value": value, "editable": true, "modified_on": z.Created}, nil
}

func (c *call) patchSetting() (any, error) {
	z, err := c.zone(SettingsEdit)
	if err != nil {
		return nil, err
	}
	name := c.vars["setting"]
	if _, err := z.setting(name); err != nil {
		return nil, err
	}
	var body struct {
		Value string `json:"value"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if !slices.Contains(settings()[name], body.Value) {
		return nil, refuse(http.StatusBadRequest, 1007, "Invalid value for zone setting %s", name)
	}
	z.Values[name] = body.Value
	return z.setting(name)
}

func (s *Server) zoneByName(name string) *zone {
	i := slices.IndexFunc(s.state.Zones, func(z *zone) bool { return z.Name == name })
	if i < 0 {
		return nil
	}
	return s.state.Zones[i]
}

// zoneOf is the zone that a name lies in, the longest that fits.
func (s *Server) zoneOf(name string) *zone {
	var best *zone
	for _, z := range s.state.Zones {
		if inside(name, z.Name) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

func inside(name, domain string) bool { return name == domain || strings.HasSuffix(name, "."+domain) }
