package hardening

import (
	"slices"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
)

func TestSelection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		only, skip []string
		want       []string
	}{
		{"everything", nil, nil, []string{"SSH-01", "SSH-12", "FW-01"}},
		{"a group", []string{"ssh"}, nil, []string{"SSH-01", "SSH-12"}},
		{"a pattern", []string{"SSH-1*"}, nil, []string{"SSH-12"}},
		{"one", []string{"FW-01"}, nil, []string{"FW-01"}},
		{"but one", nil, []string{"FW-01"}, []string{"SSH-01", "SSH-12"}},
		{"skip wins", []string{"SSH"}, []string{"SSH-01"}, []string{"SSH-12"}},
		{"no pattern at all", []string{"["}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, id := range []string{"SSH-01", "SSH-12", "FW-01"} {
				if (Selection{Only: tt.only, Skip: tt.skip}).Selects(id) {
					got = append(got, id)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, wanted %q", got, tt.want)
			}
		})
	}
}

func TestOnlyTheSelectedAreJudgedAndMended(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	p.Selection = Selection{Only: []string{"KRN-01"}}
	f := stock(t, p)
	if r := Judge(f, p); len(r.Findings) != 1 || r.Findings[0].ID != "KRN-01" {
		t.Errorf("judged: %+v", r.Findings)
	}
	h := newHost(t, f)
	if changes, err := NewStep(p).Check(t.Context(), h); err != nil || len(changes) != 1 || changes[0].ID != "KRN-01" {
		t.Errorf("the step looks at %+v, %v", changes, err)
	}
	plan := PlanFor(f, p)
	if tx := plan.Transaction; tx.Ruleset != "" || len(tx.Units) != 0 || len(tx.Files) != 1 || tx.Files[0].Path != sysctlFile {
		t.Errorf("plan: %+v", plan)
	}
}

func TestAWaiverExcusesUntilItExpires(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := stock(t, p)
	find := func() Finding {
		r := Judge(f, p)
		return r.Findings[slices.IndexFunc(r.Findings, func(f Finding) bool { return f.ID == "KRN-01" })]
	}
	w := Waiver{Reason: "a lab", Owner: "me", Expires: "2030-01-01"}
	p.Waivers = map[string]Waiver{"KRN-01": w}
	if got := find(); got.Status != Waived || got.Waiver == nil || *got.Waiver != w {
		t.Errorf("waived: %+v", got)
	}
	if _, mended := PlanFor(f, p).Transaction.Sysctls["net.ipv4.ip_forward"]; mended {
		t.Error("what is waived was mended")
	}
	w.Expired = true
	p.Waivers["KRN-01"] = w
	if got := find(); got.Status != Fail || got.Waiver == nil || !got.Waiver.Expired {
		t.Errorf("expired: %+v", got)
	}
	if _, mended := PlanFor(f, p).Transaction.Sysctls["net.ipv4.ip_forward"]; !mended {
		t.Error("an expired waiver kept k3sedge from mending")
	}
	f = hardened(t, p)
	if got := find(); got.Status != Pass {
		t.Errorf("what holds is %q", got.Status)
	}
}

func TestALineOfAWaivedControlGoesAndOneOfASkippedStays(t *testing.T) {
	t.Parallel()
	p := Policy{Selection: Selection{Skip: []string{"SSH-02"}}, Waivers: map[string]Waiver{"SSH-03": {}, "SSH-04": {Expired: true}}}
	const content = "a\nb 1\n"
	for _, tt := range []struct {
		id, line string
		want     bool
	}{{"SSH-01", "x", true}, {"SSH-02", "x", false}, {"SSH-02", "b 1", true}, {"SSH-03", "b 1", false}, {"SSH-04", "x", true}} {
		if got := p.keepsLine(tt.id, tt.line, content); got != tt.want {
			t.Errorf("%s %q: %t", tt.id, tt.line, got)
		}
	}
}

func TestAStrictControlIsNotForBaseline(t *testing.T) {
	t.Parallel()
	c := Control{ID: "TST-01", Strict: true, Check: nil}
	if v := c.judge(hardened(t, testPolicy(t)), Policy{Profile: Baseline}); v.Status != NotApplicable || len(v.Evidence) == 0 {
		t.Errorf("baseline: %+v", v)
	}
}

func TestWhichWaiverCounts(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 2, 1, 12, 0, 0, 0, time.UTC)
	waiver := func(node, owner, expires string) inventory.Waiver {
		day, err := inventory.ParseDate(expires)
		if err != nil {
			t.Fatal(err)
		}
		return inventory.Waiver{ID: "SSH-13", Node: node, Reason: "tunnels", Owner: owner, Expires: day}
	}
	const over, counts = "2027-01-31", "2027-02-01"
	for name, tt := range map[string]struct {
		all     []inventory.Waiver
		owner   string
		expired bool
	}{
		"its last day":              {[]inventory.Waiver{waiver("*", "a", counts)}, "a", false},
		"the day after":             {[]inventory.Waiver{waiver("*", "a", over)}, "a", true},
		"of another node":           {[]inventory.Waiver{waiver("node-2", "a", counts)}, "", false},
		"its own goes first":        {[]inventory.Waiver{waiver("*", "a", counts), waiver("node-1", "b", counts)}, "b", false},
		"in any order":              {[]inventory.Waiver{waiver("node-1", "b", counts), waiver("*", "a", counts)}, "b", false},
		"its own is over":           {[]inventory.Waiver{waiver("*", "a", counts), waiver("node-1", "b", over)}, "a", false},
		"its own is over, in order": {[]inventory.Waiver{waiver("node-1", "b", over), waiver("*", "a", counts)}, "a", false},
	} {
		p := Policy{Node: "node-1"}
		p.Excuse(tt.all, now)
		if got := p.Waivers["SSH-13"]; got.Owner != tt.owner || got.Expired != tt.expired {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAnEntryThatMeansNothing(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{"ssh": true, "SSH-*": true, "fw-01": true, "*": true, "SSH-99": false, "SHS": false, "[": false, "": false} {
		if got := MatchesAny(pattern); got != want {
			t.Errorf("%q: %t", pattern, got)
		}
	}
}

func FuzzSelection(f *testing.F) {
	for _, s := range []string{"SSH-01", "ssh", "FW-0*", "[", "\\", "*", "", "[A-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		only, skip := Selection{Only: []string{pattern}}, Selection{Skip: []string{pattern}}
		for _, id := range []string{"SSH-01", "FW-01"} {
			if only.Selects(id) == skip.Selects(id) {
				t.Errorf("%q selects and skips %s", pattern, id)
			}
		}
	})
}

// What is left to the user with advice is a finding and no drift; what k3sedge
// keeps is drift, and what is waived is neither.
func TestWhatIsKeptAndWhatIsOnlyReported(t *testing.T) {
	t.Parallel()
	fails := func(*facts.Facts, Policy) Verdict { return Verdict{Status: Fail} }
	mend := func(m Mend) func(*facts.Facts, Policy) Mend { return func(*facts.Facts, Policy) Mend { return m } }
	controls := []Control{
		{ID: "TST-01", Severity: High, Check: fails, Advice: "do it by hand"},
		{ID: "TST-02", Severity: High, Check: fails, Mend: mend(Mend{Advice: []string{"wait for the next release"}})},
		{ID: "TST-03", Severity: High, Check: fails, Mend: mend(Mend{Blocked: []string{"take the line out"}})},
		{ID: "TST-04", Severity: High, Check: fails, Mend: mend(Mend{Ruleset: true})},
		{ID: "TST-05", Severity: High, Check: fails, Mend: mend(Mend{})}, // nothing is left to write
		{ID: "TST-06", Severity: High, Check: fails, Mend: mend(Mend{Ruleset: true})},
	}
	p := testPolicy(t)
	p.Waivers = map[string]Waiver{"TST-06": {}}
	f := hardened(t, p)
	r := judgeAll(controls, f, p)
	var drift []string
	for _, finding := range r.Drift() {
		drift = append(drift, finding.ID)
	}
	if !slices.Equal(drift, []string{"TST-03", "TST-04", "TST-05"}) || len(r.With(Fail)) != 5 || len(r.With(Waived)) != 1 {
		t.Errorf("drift %q of %+v", drift, r.Counts())
	}
	for _, finding := range r.With(Fail) {
		if len(finding.Mend) == 0 {
			t.Errorf("%s: nobody says what to do", finding.ID)
		}
	}
	plan := planAll(controls, f, p)
	if want := []string{"TST-03: take the line out"}; !slices.Equal(plan.Blocked[:1], want) || len(plan.Blocked) != 2 {
		t.Errorf("blocked: %q", plan.Blocked)
	}
}

// A gap stops a run only where k3sedge keeps what it cannot see, and where that matters.
func TestWhichGapsStopARun(t *testing.T) {
	t.Parallel()
	finding := func(s Severity, kept bool) Finding {
		return Finding{ID: string(s), Severity: s, Status: Unknown, Kept: kept}
	}
	for _, tt := range []struct {
		finding Finding
		stops   bool
	}{
		{finding(Critical, true), true}, {finding(High, true), true}, {finding(Medium, true), false},
		{finding(Low, true), false}, {finding(Critical, false), false},
	} {
		r := Report{Node: "node-1", Findings: []Finding{tt.finding}}
		if got := r.unknown() != nil; got != tt.stops {
			t.Errorf("%+v: stops %t, wanted %t", tt.finding, got, tt.stops)
		}
	}
}
