package traefik

import (
	"fmt"
	"strconv"
	"strings"
)

// Advisory is a fault of Traefik that concerns an edge like ours.
type Advisory struct {
	ID string
	// Fixed are the first releases of each line 3.x without it, ascending. A
	// line that is not named is mended if it is newer than the last one.
	Fixed []string
}

// Advisories are those that are known to this version of k3sedge.
func Advisories() []Advisory {
	return []Advisory{
		{"CVE-2026-32695", []string{"3.6.12"}},
		{"CVE-2026-33433", []string{"3.6.12"}},
		{"CVE-2026-41174", []string{"3.6.14"}},          // a Chain reaches middlewares of other namespaces
		{"traefik#13481", []string{"3.6.23", "3.7.7"}},  // an EndpointSlice without a port stops all updates
		{"CVE-2026-65602", []string{"3.6.23", "3.7.7"}}, // an IngressRouteTCP reaches transports of other providers
		{"CVE-2026-71325", []string{"3.6.25", "3.7.10"}},
		{"GHSA-fgjj-px3w-67xx", []string{"3.6.25", "3.7.10"}},
		{"CVE-2026-85596", []string{"3.7.11"}}, // conflicting TLS options
		{"CVE-2026-85597", []string{"3.7.11"}}, // the same
	}
}

// Concerning returns the advisories that a version of Traefik has not mended.
// A version that cannot be read is an error, not a sound one.
func Concerning(version string) ([]Advisory, error) {
	v, err := parseVersion(version)
	if err != nil {
		return nil, err
	}
	var out []Advisory
	for _, a := range Advisories() {
		if !a.mendedIn(v) {
			out = append(out, a)
		}
	}
	return out, nil
}

func (a Advisory) mendedIn(v [3]int) bool {
	var last [3]int
	for _, text := range a.Fixed {
		fixed, err := parseVersion(text)
		if err != nil {
			return false // a test reads the same table
		}
		if fixed[0] == v[0] && fixed[1] == v[1] {
			return v[2] >= fixed[2]
		}
		last = fixed
	}
	return v[0] > last[0] || v[0] == last[0] && v[1] > last[1]
}

func parseVersion(text string) (v [3]int, err error) {
	core, _, _ := strings.Cut(strings.TrimPrefix(text, "v"), "-")
	parts := strings.Split(core, ".")
	if len(parts) != len(v) {
		return v, fmt.Errorf("%q is not a version of Traefik", text)
	}
	for i, p := range parts {
		if v[i], err = strconv.Atoi(p); err != nil || v[i] < 0 {
			return v, fmt.Errorf("%q is not a version of Traefik", text)
		}
	}
	return v, nil
}

// Warning says in one line that the running Traefik is older than it should
// be, or returns "".
func (s State) Warning() string {
	if s.Version == "" {
		return ""
	}
	open, err := Concerning(s.Version)
	if err != nil {
		return err.Error() + ", so that its known faults cannot be told"
	}
	if len(open) == 0 {
		return ""
	}
	ids := make([]string, len(open))
	for i, a := range open {
		ids[i] = a.ID
	}
	return fmt.Sprintf("Traefik %s has known faults (%s): a later release of K3s, as k3s.version, brings one that mends them", s.Version, strings.Join(ids, ", "))
}
