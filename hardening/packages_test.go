package hardening

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func TestUpgradesAreSetUp(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Apt.Conf = map[string][]string{}
	f.Units["apt-daily.timer"] = facts.Unit{State: "disabled", Active: "inactive"}
	f.Units["apt-daily-upgrade.timer"] = facts.Unit{State: "masked", Active: "inactive"}
	plan := PlanFor(f, p)
	if files := plan.Transaction.Files; len(files) != 1 || files[0].Path != upgradesFile || files[0].Content != upgradesText {
		t.Errorf("files: %+v", files)
	}
	if units := plan.Transaction.Units; !slices.Equal(units, []facts.UnitChange{{Name: "apt-daily.timer", Action: "start"}}) {
		t.Errorf("units: %+v", units)
	}
	if got := findingOf(t, f, p, "PKG-02"); !got.Kept || len(got.Mend) != 2 || !strings.Contains(got.Mend[1], "unmask apt-daily-upgrade.timer") {
		t.Errorf("finding: %+v", got)
	}
	f.Packages[upgradesPackage] = ""
	if got := findingOf(t, f, p, "PKG-02"); got.Kept || !strings.Contains(got.Mend[0], "apt-get install unattended-upgrades") || !PlanFor(f, p).Empty() {
		t.Errorf("without the package: %+v", got)
	}
}

// Releases end on the day that the table says, by the node's own clock.
func TestReleasesEnd(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	at := func(day string) int64 {
		when, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return when.Unix()
	}
	for name, c := range map[string]struct {
		os, release, k3s, day string
		want                  Status
	}{
		"last day":          {"debian", "12", "", "2028-06-30", Pass},
		"the day after":     {"debian", "12", "", "2028-07-01", Fail},
		"a newer one":       {"debian", "14", "", "2028-07-01", Unknown},
		"testing":           {"debian", "", "", "2028-07-01", Unknown},
		"another system":    {"ubuntu", "24.04", "", "2026-11-30", Unknown},
		"K3s":               {"debian", "12", "v1.35.8+k3s1", "2026-11-30", Pass},
		"K3s at its end":    {"debian", "12", "v1.34.1+k3s1", "2026-11-30", Fail},
		"K3s of long ago":   {"debian", "12", "v1.9.1+k3s1", "2026-11-30", Fail},
		"K3s of tomorrow":   {"debian", "12", "v1.99.1+k3s1", "2026-11-30", Unknown},
		"K3s of no release": {"debian", "12", "main", "2026-11-30", Unknown},
		"both at their end": {"debian", "10", "v1.99.1+k3s1", "2026-11-30", Fail},
	} {
		f := hardened(t, p)
		f.System.OS, f.System.Release, f.System.UnixTime = c.os, c.release, at(c.day)
		f.Cluster = &facts.Cluster{Nodes: []facts.ClusterNode{{Object: facts.Object{Name: "other"}, Version: "v1.1.1"}}}
		if c.k3s != "" {
			f.Cluster.Nodes = append(f.Cluster.Nodes, facts.ClusterNode{Object: facts.Object{Name: p.Node}, Version: c.k3s})
		}
		if v := checkReleases(f, p); v.Status != c.want {
			t.Errorf("%s: %s %q", name, v.Status, v.Evidence)
		}
	}
}

func TestInAContainer(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.System.Container = "systemd-nspawn"
	f.Mounts = f.Mounts[:1]
	for _, id := range []string{"PKG-03", "FS-03"} {
		if got := findingOf(t, f, p, id); got.Status != NotApplicable || !strings.Contains(got.Evidence[0], "systemd-nspawn") {
			t.Errorf("%s: %+v", id, got)
		}
	}
	f.Mounts[0].Options = []string{"noexec"}
	if got := findingOf(t, f, p, "FS-03"); got.Status != Fail {
		t.Errorf("K3s cannot run: %+v", got)
	}
}

func TestTheWalkIsAskedFor(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	if !p.request().Deep {
		t.Error("the walk was not asked for")
	}
	p.Deep = false
	f := hardened(t, p)
	f.Deep = nil
	for _, id := range []string{"FS-04", "FS-05"} {
		if got := findingOf(t, f, p, id); got.Status != NotApplicable || got.Evidence[0] != "looked at with --deep only" {
			t.Errorf("%s: %+v", id, got)
		}
	}
}

// A walk may be of an hour ago: the reader is told when it was.
func TestTheWalkTellsItsTime(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	if got := findingOf(t, hardened(t, p), p, "FS-04"); !strings.Contains(got.Have, "walked 1970-01-01T00:16:30Z") {
		t.Errorf("finding: %+v", got)
	}
}

// A store that is not on this node proves nothing, and stops no run.
func TestAStoreElsewhereProvesNothing(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.K3s.Encryption.Store, f.K3s.Encryption.Sealed = "", 0
	if got := findingOf(t, f, p, "K3S-03"); got.Status != Unknown || got.Severity != Medium || !strings.Contains(got.Evidence[0], "no file of a datastore") {
		t.Errorf("finding: %+v", got)
	}
}

// Where only /tmp lies on the root disk, little is lost.
func TestTmpOnTheRootDiskIsMilder(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Mounts = f.Mounts[:3]
	if got := findingOf(t, f, p, "FS-03"); got.Status != Fail || got.Severity != Low {
		t.Errorf("finding: %+v", got)
	}
	f.Mounts = append(f.Mounts, facts.Mount{Point: "/dev/shm", Type: "tmpfs"})
	if got := findingOf(t, f, p, "FS-03"); got.Severity != Medium {
		t.Errorf("finding: %+v", got)
	}
}
