package hardening

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// release is a release and the last day on which it gets security updates.
type release struct{ name, end string }

// debianReleases are Debian's by VERSION_ID, to the end of their long-term
// support (Debian wiki, "LTS").
func debianReleases() []release {
	return []release{{"11", "2026-08-31"}, {"12", "2028-06-30"}, {"13", "2030-06-30"}}
}

// kubernetesReleases are those that K3s follows, by their minor number
// (Kubernetes, "Patch Releases": end of life).
func kubernetesReleases() []release {
	return []release{
		{"1.31", "2025-11-11"}, {"1.32", "2026-02-28"}, {"1.33", "2026-06-28"}, {"1.34", "2026-10-27"}, {"1.35", "2027-02-28"}, {"1.36", "2027-06-28"},
	}
}

func checkReleases(f *facts.Facts, p Policy) Verdict {
	if f.System.OS != "debian" {
		return unknown(fmt.Sprintf("os-release: %s %s, and only Debian's releases are known here", f.System.OS, f.System.Release))
	}
	today := time.Unix(f.System.UnixTime, 0).UTC().Format(time.DateOnly)
	wrong, have, gap := judgeRelease("Debian", f.System.Release, debianReleases(), today)
	for _, n := range clusterVersions(f, p) {
		minor, _ := minorOf(n)
		w, h, g := judgeRelease("K3s "+n+", Kubernetes", minor, kubernetesReleases(), today)
		wrong, have, gap = append(wrong, w...), append(have, h...), append(gap, g...)
	}
	if len(wrong) == 0 && len(gap) > 0 {
		return unknown(gap...)
	}
	return decide(wrong, strings.Join(have, "; "), "")
}

// clusterVersions is the version of the node's own kubelet, where the API tells it.
func clusterVersions(f *facts.Facts, p Policy) []string {
	if f.Cluster == nil {
		return nil
	}
	var out []string
	for _, n := range f.Cluster.Nodes {
		if n.Name == p.Node {
			out = append(out, n.Version)
		}
	}
	return out
}

// judgeRelease looks a release up. One that is older than the list has ended,
// one that is newer is not known yet.
func judgeRelease(what, name string, known []release, today string) (wrong, have, gap []string) {
	for _, r := range known {
		if r.name != name {
			continue
		}
		line := fmt.Sprintf("%s %s gets updates until %s", what, name, r.end)
		if today > r.end {
			wrong = append(wrong, fmt.Sprintf("%s %s has got no updates since %s", what, name, r.end))
		}
		return wrong, []string{line}, nil
	}
	if older(name, known[0].name) {
		line := fmt.Sprintf("%s %s has got no updates since %s or earlier", what, name, known[0].end)
		return []string{line}, []string{line}, nil
	}
	return nil, nil, []string{fmt.Sprintf("%s %s: this version of k3sedge does not know until when it gets updates", what, name)}
}

// older compares numbers with dots.
func older(a, b string) bool {
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(left), len(right)) {
		x, errX := strconv.Atoi(left[i])
		y, errY := strconv.Atoi(right[i])
		if errX != nil || errY != nil {
			return false
		}
		if c := cmp.Compare(x, y); c != 0 {
			return c < 0
		}
	}
	return false
}

// minorOf is 1.35 of v1.35.4+k3s1.
func minorOf(version string) (string, bool) {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 3 {
		return version, false
	}
	return parts[0] + "." + parts[1], true
}
