package hardening

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

func TestEveryControlIsWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	id := regexp.MustCompile(`^[A-Z0-9]+-\d\d$`)
	for _, c := range Controls() {
		if !id.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("ID %q is malformed or there twice", c.ID)
		}
		seen[c.ID] = true
		if c.Want == "" || c.Applies != nil && c.When == "" {
			t.Errorf("%s does not say in words what it wants, or when it applies: %q, %q", c.ID, c.Want, c.When)
		}
		if c.Title == "" || c.Why == "" || len(c.Refs) == 0 || len(c.Needs) == 0 || c.Check == nil || (c.Mend == nil) == (c.Advice == "") {
			t.Errorf("%s lacks a title, a reason, a reference, a need, a check, or a mend or else an advice", c.ID)
		}
		if _, err := ParseSeverity(string(c.Severity)); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
	}
	// Numbered without a gap: what is left out would not be missed by anybody.
	most := map[string]int{"SSH": 17, "FW": 18, "KRN": 13, "SVC": 6, "ACC": 8, "PKG": 6, "FS": 5, "LOG": 5, "K3S": 13, "EDG": 10}
	count := 0
	for _, group := range Groups() {
		for number := range most[group] {
			count++
			if want := fmt.Sprintf("%s-%02d", group, number+1); !seen[want] {
				t.Errorf("%s is not in the catalogue", want)
			}
		}
	}
	if count != len(seen) || len(most) != len(Groups()) {
		t.Errorf("%d controls, wanted %d", len(seen), count)
	}
}

// Nothing may pass on nothing: not on no facts, not on parts without content,
// not on facts of which a part is known to be broken.
func TestNothingPassesOnEmptyInput(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	hollow := &facts.Facts{
		Version: facts.Version, System: &facts.System{}, Session: &facts.Session{}, SSHD: &facts.SSHD{}, Logins: []facts.Login{},
		Firewall: &facts.Firewall{}, Units: map[string]facts.Unit{}, Sysctls: map[string]facts.Sysctl{}, Files: map[string]facts.File{},
	}
	blank := clone(t, hollow)
	blank.Firewall = &facts.Firewall{Own: &firewall.Table{}, Wanted: nil}
	for _, path := range p.request().Files {
		blank.Files[path] = facts.File{}
	}
	for _, key := range p.request().Sysctls {
		blank.Sysctls[key] = facts.Sysctl{}
	}
	for _, name := range p.request().Units {
		blank.Units[name] = facts.Unit{}
	}
	blank.Stats = map[string]facts.Stat{}
	for _, path := range p.request().Stats {
		blank.Stats[path] = facts.Stat{}
	}
	for name, f := range map[string]*facts.Facts{"empty": {}, "hollow": hollow, "blank": blank} {
		for _, finding := range Judge(f, p).Findings {
			if finding.Status == Pass || finding.Status == NotApplicable {
				t.Errorf("%s: %s is %q", name, finding.ID, finding.Status)
			}
			if name == "empty" && finding.Status != Unknown {
				t.Errorf("empty facts: %s is %q, wanted unknown", finding.ID, finding.Status)
			}
			if len(finding.Evidence) == 0 {
				t.Errorf("%s: %s is %q without evidence", name, finding.ID, finding.Status)
			}
		}
	}
}

func TestAProblemMakesEveryControlThatNeedsThePartUnknown(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	good := hardened(t, p)
	for _, c := range Controls() {
		for _, part := range c.Needs {
			f := clone(t, good)
			f.Problems = []facts.Problem{{Part: string(part), Error: "permission denied"}}
			if v := c.judge(f, p); v.Status != Unknown || !slices.Contains(v.Evidence, string(part)+": permission denied") {
				t.Errorf("%s with a problem in %s: %q %q", c.ID, part, v.Status, v.Evidence)
			}
		}
		for _, path := range c.Files {
			f := clone(t, good)
			delete(f.Files, path)
			if v := c.judge(f, p); v.Status != Unknown {
				t.Errorf("%s without %s: %q", c.ID, path, v.Status)
			}
		}
		for _, name := range c.Units {
			f := clone(t, good)
			delete(f.Units, name)
			if v := c.judge(f, p); v.Status != Unknown || v.Evidence[0] != "units "+name+": the agent did not look at it" {
				t.Errorf("%s without %s: %q %q", c.ID, name, v.Status, v.Evidence)
			}
		}
		for _, path := range c.Stats {
			f := clone(t, good)
			delete(f.Stats, path)
			if v := c.judge(f, p); v.Status != Unknown {
				t.Errorf("%s without %s: %q", c.ID, path, v.Status)
			}
		}
		for _, key := range c.Sysctls {
			f := clone(t, good)
			delete(f.Sysctls, key)
			if v := c.judge(f, p); v.Status != Unknown {
				t.Errorf("%s without %s: %q", c.ID, key, v.Status)
			}
		}
	}
}

func TestAHardenedNodeHoldsEverythingAndAsksForNothing(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	for _, finding := range Judge(f, p).Findings {
		if finding.Status != Pass {
			t.Errorf("%s: %s: have %s, want %s, seen %q", finding.ID, finding.Status, finding.Have, finding.Want, finding.Evidence)
		}
	}
	if plan := PlanFor(f, p); !plan.Empty() || len(plan.Blocked) > 0 || plan.Wait {
		t.Errorf("plan for a hardened node: %+v", plan)
	}
}

func TestAppliesAndAVerdictWithoutStatus(t *testing.T) {
	t.Parallel()
	c := Control{
		ID: "TST-01", Needs: []Part{PartSystem},
		Applies: func(f *facts.Facts, _ Policy) (bool, string) {
			return f.System.Arch == "amd64", "not this architecture"
		},
		Check: func(*facts.Facts, Policy) Verdict { return Verdict{} },
	}
	f := &facts.Facts{System: &facts.System{Arch: "arm64", BootID: "b"}}
	if v := c.judge(f, Policy{}); v.Status != NotApplicable || v.Evidence[0] != "not this architecture" {
		t.Errorf("does not apply: %+v", v)
	}
	f.System.Arch = "amd64"
	if v := c.judge(f, Policy{}); v.Status != Unknown {
		t.Errorf("no answer: %+v", v)
	}
}

func TestSeverities(t *testing.T) {
	t.Parallel()
	if !Critical.AtLeast(Low) || !High.AtLeast(High) || Medium.AtLeast(High) {
		t.Error("severities are out of order")
	}
	if _, err := ParseSeverity("dreadful"); err == nil {
		t.Error("an unknown severity was accepted")
	}
}
