package fakecloudflare

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Record is a DNS record.
type Record struct {
	ID       string    `json:"id"`
	Zone     string    `json:"zone,omitempty"` // its name; Cloudflare no longer tells it
	Name     string    `json:"name"`
	Type     string    `json:"type"`
	Content  string    `json:"content"`
	Proxied  bool      `json:"proxied"`
	TTL      int       `json:"ttl"` // 1 is automatic
	Comment  string    `json:"comment"`
	Created  time.Time `json:"created_on"`
	Modified time.Time `json:"modified_on"`
}

func (r *Record) document() map[string]any {
	doc := map[string]any{
		"id": r.ID, "name": r.Name, "type": r.Type, "content": r.Content, "proxied": r.Proxied, "proxiable": proxiable(r.Type),
		"ttl": r.TTL, "comment": nil, "tags": []string{}, "settings": map[string]any{}, "meta": map[string]any{},
		"created_on": r.Created, "modified_on": r.Modified,
	}
	if r.Comment != "" {
		doc["comment"], doc["comment_modified_on"] = r.Comment, r.Modified
	}
	return doc
}

func recordRoutes() []route {
	list := []string{"page", "per_page", "type", "name", "name.exact", "name.contains", "name.startswith", "name.endswith",
		"content", "content.exact", "content.contains", "content.startswith", "content.endswith",
		"comment.exact", "comment.contains", "comment.startswith", "comment.endswith", "comment.present", "comment.absent"}
	return []route{
		{"GET", "/zones/{zone}/dns_records", list, false, (*call).listRecords},
		{"POST", "/zones/{zone}/dns_records", nil, false, (*call).postRecord},
		{"GET", "/zones/{zone}/dns_records/{record}", nil, false, (*call).getRecord},
		{"PATCH", "/zones/{zone}/dns_records/{record}", nil, false, (*call).changeRecord},
		{"PUT", "/zones/{zone}/dns_records/{record}", nil, false, (*call).changeRecord},
		{"DELETE", "/zones/{zone}/dns_records/{record}", nil, false, (*call).deleteRecord},
	}
}

func (c *call) listRecords() (any, error) {
	z, err := c.zone(DNSRead)
	if err != nil {
		return nil, err
	}
	found := []map[string]any{}
	for _, r := range c.srv.state.Records {
		if r.Zone == z.Name && c.wants(r) {
			found = append(found, r.document())
		}
	}
	return cut(c, found, limits{100, 1, 5000})
}

// wants says whether a record passes the filters of a list.
func (c *call) wants(r *Record) bool {
	if !c.fits("type", r.Type) || c.query.Has("comment.present") && r.Comment == "" || c.query.Has("comment.absent") && r.Comment != "" {
		return false
	}
	return c.passes("name", r.Name) && c.passes("content", r.Content) && c.passes("comment", r.Comment)
}

// passes applies a field's filters; they do not look at the case of letters.
func (c *call) passes(field, value string) bool {
	value = strings.ToLower(value)
	for suffix, holds := range map[string]func(s, sub string) bool{
		"": func(s, sub string) bool { return s == sub }, ".exact": func(s, sub string) bool { return s == sub },
		".contains": strings.Contains, ".startswith": strings.HasPrefix, ".endswith": strings.HasSuffix,
	} {
		if wanted := c.query.Get(field + suffix); wanted != "" && !holds(value, strings.ToLower(wanted)) {
			return false
		}
	}
	return true
}

// recordBody is what may be written. What is nil is left alone by PATCH.
type recordBody struct {
	Name    *string `json:"name"`
	Type    *string `json:"type"`
	Content *string `json:"content"`
	Proxied *bool   `json:"proxied"`
	TTL     *int    `json:"ttl"`
	Comment *string `json:"comment"`
	Tags    []string
	// ID and Zone are sent along by some clients and ignored.
	ID   string `json:"id"`
	Zone string `json:"zone_id"`
}

// onto puts the body over a record.
func (b recordBody) onto(r Record, z *zone) (Record, error) {
	if b.Type != nil && r.Type != "" && *b.Type != r.Type {
		return r, notTaught("changing a record's type from %s to %s", r.Type, *b.Type)
	}
	if len(b.Tags) > 0 {
		return r, refuse(http.StatusBadRequest, 1004, "DNS Validation Error").
			because(9300, "DNS record has %d tags, exceeding the quota of 0.", len(b.Tags))
	}
	if b.Name != nil {
		r.Name = fullName(*b.Name, z.Name)
	}
	set(&r.Type, b.Type)
	set(&r.Content, b.Content)
	set(&r.Proxied, b.Proxied)
	set(&r.TTL, b.TTL)
	set(&r.Comment, b.Comment)
	if r.Proxied || r.TTL == 0 {
		r.TTL = 1
	}
	r.Zone, r.Modified = z.Name, now()
	return r, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// fullName takes a name as it is typed: what does not end in the zone's name is
// below it, whatever the user meant.
func fullName(name, zone string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	switch {
	case name == "@":
		return zone
	case name == "" || inside(name, zone):
		return name
	}
	return name + "." + zone
}

func (c *call) postRecord() (any, error) {
	z, err := c.zone(DNSEdit)
	if err != nil {
		return nil, err
	}
	var b recordBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	r, err := b.onto(Record{ID: newID(), Created: now()}, z)
	if err != nil {
		return nil, err
	}
	if err := c.srv.put(r, z); err != nil {
		return nil, err
	}
	return r.document(), nil
}

// put checks a record and keeps it.
func (s *Server) put(r Record, z *zone) error {
	if err := r.validate(); err != nil {
		return err
	}
	if err := s.conflict(r); err != nil {
		return err
	}
	z.Serial++
	i := slices.IndexFunc(s.state.Records, func(o *Record) bool { return o.ID == r.ID })
	if i < 0 {
		s.state.Records = append(s.state.Records, &r)
	} else {
		s.state.Records[i] = &r
	}
	return nil
}

// record is that of the path.
func (c *call) record(p Permission) (*Record, *zone, error) {
	z, err := c.zone(p)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range c.srv.state.Records {
		if r.ID == c.vars["record"] && r.Zone == z.Name {
			return r, z, nil
		}
	}
	return nil, nil, refuse(http.StatusNotFound, 81044, "Record does not exist.")
}

func (c *call) getRecord() (any, error) {
	r, _, err := c.record(DNSRead)
	if err != nil {
		return nil, err
	}
	return r.document(), nil
}

// changeRecord is PATCH, which leaves alone what is not named, and PUT, which
// does not.
func (c *call) changeRecord() (any, error) {
	old, z, err := c.record(DNSEdit)
	if err != nil {
		return nil, err
	}
	var b recordBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	base := *old
	if c.request.Method == http.MethodPut {
		base = Record{ID: old.ID, Type: old.Type, Created: old.Created}
	}
	changed, err := b.onto(base, z)
	if err != nil {
		return nil, err
	}
	if err := c.srv.put(changed, z); err != nil {
		return nil, err
	}
	return changed.document(), nil
}

func (c *call) deleteRecord() (any, error) {
	r, z, err := c.record(DNSEdit)
	if err != nil {
		return nil, err
	}
	c.srv.drop(r.ID, z)
	return map[string]string{"id": r.ID}, nil
}

func (s *Server) drop(id string, z *zone) {
	z.Serial++
	s.state.Records = slices.DeleteFunc(s.state.Records, func(o *Record) bool { return o.ID == id })
}
