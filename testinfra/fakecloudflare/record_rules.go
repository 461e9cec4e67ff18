package fakecloudflare

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// commentMax is that of the free plan.
const commentMax = 100

var label = regexp.MustCompile(`^(\*|[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)$`)

// validName says whether a name can be one of DNS; * is its first label only.
func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for i, l := range strings.Split(name, ".") {
		if len(l) > 63 || !label.MatchString(l) || l == "*" && i > 0 {
			return false
		}
	}
	return true
}

func proxiable(kind string) bool { return kind != "TXT" }

func badRecord(code int, format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, code, format, args...)
}

// validate refuses what Cloudflare refuses in a record by itself.
func (r *Record) validate() error {
	switch {
	case !validName(r.Name):
		return badRecord(9000, "DNS name is invalid.")
	case utf8.RuneCountInString(r.Comment) > commentMax:
		return badRecord(9313, "DNS record comment exceeds the maximum length of %d characters.", commentMax)
	case r.TTL != 1 && (r.TTL < 60 || r.TTL > 86400):
		return badRecord(9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
	case r.Proxied && !proxiable(r.Type):
		return badRecord(9004, "This record type cannot be proxied.")
	}
	return r.validateContent()
}

func (r *Record) validateContent() error {
	switch r.Type {
	case "A", "AAAA":
		return r.validateAddress()
	case "CNAME":
		return r.validateTarget()
	case "TXT":
		if r.Content == "" || len(r.Content) > 4096 {
			return badRecord(9016, "Content for TXT record must be between 1 and 4096 characters.")
		}
		return nil
	}
	return notTaught("records of type %q", r.Type)
}

func (r *Record) validateAddress() error {
	addr, err := netip.ParseAddr(r.Content)
	switch {
	case r.Type == "A" && (err != nil || !addr.Is4()):
		return badRecord(9005, "Content for A record must be a valid IPv4 address.")
	case r.Type == "AAAA" && (err != nil || !addr.Is6() || addr.Zone() != ""):
		return badRecord(9006, "Content for AAAA record must be a valid IPv6 address.")
	case r.Proxied && (addr.IsPrivate() || !addr.IsGlobalUnicast()):
		return badRecord(9003, "Target %s is not allowed for a proxied record.", r.Content)
	}
	return nil
}

func (r *Record) validateTarget() error {
	target := strings.ToLower(strings.TrimSuffix(r.Content, "."))
	switch _, err := netip.ParseAddr(target); {
	case err == nil || !validName(target) || strings.Contains(target, "*"):
		return badRecord(9007, "Content for CNAME record is invalid.")
	case target == r.Name:
		return badRecord(9039, "CNAME content cannot reference itself.")
	}
	r.Content = target
	return nil
}

const sameName = "For more details, refer to <https://developers.cloudflare.com/dns/manage-dns-records/troubleshooting/records-with-same-name/>."

// conflict refuses a record that cannot stand beside another one.
func (s *Server) conflict(r Record) error {
	addresses := []string{"A", "AAAA"}
	for _, o := range s.state.Records {
		if o.ID == r.ID || o.Name != r.Name || o.Zone != r.Zone {
			continue
		}
		switch {
		case r.Type == "CNAME" && (o.Type == "CNAME" || slices.Contains(addresses, o.Type)):
			return badRecord(81053, "An A, AAAA, or CNAME record with that host already exists. %s", sameName)
		case slices.Contains(addresses, r.Type) && o.Type == "CNAME":
			return badRecord(81054, "A CNAME record with that host already exists. %s", sameName)
		case o.Type == r.Type && o.Content == r.Content:
			return badRecord(81058, "An identical record already exists.")
		}
	}
	return nil
}
