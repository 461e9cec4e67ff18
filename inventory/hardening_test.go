package inventory

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const goodWaiver = "{id: SSH-13, node: edge-1, reason: backups, owner: ops, expires: 2027-01-31}"

func TestValidateHardening(t *testing.T) {
	t.Parallel()
	waiver := func(pairs ...string) []string {
		return []string{"k3s:", "waivers:\n  - " + strings.NewReplacer(pairs...).Replace(goodWaiver) + "\nk3s:"}
	}
	const first = "k3sedge.yaml:30: waivers[0]"
	for _, e := range []edit{
		{"good", waiver(), nil},
		{"all nodes", waiver("edge-1", "'*'"), nil},
		{"profile", []string{"k3s:", "hardening: {profile: strickt}\nk3s:"}, []string{"k3sedge.yaml:29: hardening.profile: not one of baseline, strict"}},
		{"no id", waiver("id: SSH-13, ", ""), []string{first + ".id: is missing"}},
		{"no ID of a control", waiver("SSH-13", "ssh-13"), []string{first + ".id: not the ID of a control"}},
		{"no node", waiver("node: edge-1, ", ""), []string{first + ".node: is missing"}},
		{"another node", waiver("edge-1", "edge-3"), []string{first + ".node: there is no such node"}},
		{"no reason", waiver("reason: backups, ", ""), []string{first + ".reason: is missing"}},
		{"empty owner", waiver("owner: ops", "owner: ''"), []string{first + ".owner: is missing"}},
		{"no last day", waiver(", expires: 2027-01-31", ""), []string{first + ".expires: is missing"}},
		{"no day of the calendar", waiver("01-31", "02-29"), []string{first + ".expires: not a date"}},
		{"no day at all", waiver("2027-01-31", "never"), []string{first + ".expires: not a date"}},
		{"unknown key", waiver("owner", "ownr"), []string{first + ".ownr: unknown key"}},
		{"two lines", waiver("backups", `"a\nb"`), []string{first + ".reason: line breaks and control characters are not allowed here"}},
		{"twice", waiver("}", "}\n  - "+goodWaiver), []string{"k3sedge.yaml:31: waivers[1]: the same as waivers[0]"}},
	} {
		e.run(t, "proxmox.yaml")
	}
}

func TestHardeningIsReadAsWritten(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	if got := f.mustLoad().Cluster; got.Hardening.Profile != Baseline || got.Waivers != nil {
		t.Errorf("default %+v, %+v", got.Hardening, got.Waivers)
	}
	f.replace("k3s:", "hardening: {profile: strict}\nwaivers:\n  - "+goodWaiver+"\nk3s:")
	c := f.mustLoad().Cluster
	want := Waiver{ID: "SSH-13", Node: "edge-1", Reason: "backups", Owner: "ops", Expires: Date{"2027-01-31"}}
	if c.Hardening.Profile != Strict || len(c.Waivers) != 1 || c.Waivers[0] != want {
		t.Errorf("read %+v, %+v", c.Hardening, c.Waivers)
	}
	data, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Cluster
	found := newFindings("k3sedge.yaml")
	decode(parse(data, found), &again, found)
	if !reflect.DeepEqual(again.Waivers, c.Waivers) || again.Hardening != c.Hardening || len(found.problems) > 0 {
		t.Errorf("%s\nis read back as %+v, %v", data, again.Waivers, found.problems)
	}
}

func TestAWaiverEndsWithItsLastDay(t *testing.T) {
	t.Parallel()
	day, err := ParseDate("2027-01-31")
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("east", 9*60*60)
	for now, over := range map[time.Time]bool{
		time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC): false,
		time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC):     true,
		time.Date(2027, 2, 1, 0, 0, 0, 0, zone):         true,
		time.Date(2027, 1, 31, 0, 0, 0, 0, zone):        false,
	} {
		if day.Over(now) != over {
			t.Errorf("%s at %s: over is %t", day, now, !over)
		}
	}
}

func TestAWaiverCovers(t *testing.T) {
	t.Parallel()
	if w := (Waiver{Node: "edge-1"}); !w.Covers("edge-1") || w.Covers("edge-2") {
		t.Error("a waiver of one node is for that node alone")
	}
	if !(Waiver{Node: AllNodes}).Covers("edge-2") {
		t.Error("a waiver of all nodes is for each")
	}
}

func TestWaiversOfUnknownControls(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.replace("k3s:", "waivers:\n  - "+goodWaiver+"\n  - "+strings.Replace(goodWaiver, "SSH-13", "SHS-14", 1)+"\nk3s:")
	p := f.mustLoad()
	if err := p.CheckWaivers([]string{"SSH-13", "SHS-14"}); err != nil {
		t.Error(err)
	}
	err := p.CheckWaivers([]string{"SSH-13", "SSH-14"})
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatalf("problems %v", err)
	}
	got := problems[0]
	if got.File == "" || got.Line != f.lineOf("SHS-14") || got.Path != "waivers[1].id" || !strings.HasPrefix(got.Hint, `did you mean "SSH-14"?`) {
		t.Errorf("problem %+v", got)
	}
	if err := (Project{Cluster: Cluster{Waivers: []Waiver{{ID: "SSH-13"}}}}).CheckWaivers(nil); err == nil {
		t.Error("a project that was not loaded is not checked")
	}
}

func (f folder) lineOf(text string) int {
	before, _, _ := strings.Cut(f.read("k3sedge.yaml"), text)
	return strings.Count(before, "\n") + 1
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"2027-01-31", "2027-02-29", "2028-02-29", "27-1-1", "", "2027-01-31T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDate(s)
		if (err == nil) != !d.IsZero() || err == nil && d.String() != s {
			t.Errorf("%q is %q, %v", s, d, err)
		}
	})
}
