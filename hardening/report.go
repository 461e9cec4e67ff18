package hardening

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Finding is what one control says about one node.
type Finding struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity Severity `json:"severity"`
	Status   Status   `json:"status"`
	Have     string   `json:"have"`
	Want     string   `json:"want"`
	Evidence []string `json:"evidence"`
	Why      string   `json:"why"`
	Refs     []string `json:"refs"`
	// Mend says what `k3sedge harden` does about a failure, or what is left to the user.
	Mend []string `json:"mend"`
	// Kept is true where k3sedge itself brings the desired state about. What
	// is not kept is the user's: it is reported, and fails no run.
	Kept   bool    `json:"kept"`
	Waiver *Waiver `json:"waiver,omitempty"`
}

// Counts says how many controls gave which answer.
type Counts struct {
	Pass          int `json:"pass"`
	Fail          int `json:"fail"`
	Unknown       int `json:"unknown"`
	NotApplicable int `json:"notApplicable"`
	Waived        int `json:"waived"`
}

// Report is what the whole catalogue says about one node.
type Report struct {
	Node     string
	Findings []Finding
}

// Judge asks every control that the policy selects. It is a pure function:
// the same facts give the same report.
func Judge(f *facts.Facts, p Policy) Report { return judgeAll(p.controls(), f, p) }

func judgeAll(controls []Control, f *facts.Facts, p Policy) Report {
	r := Report{Node: p.Node}
	p = p.once()
	for _, c := range controls {
		r.Findings = append(r.Findings, c.finding(f, p))
	}
	return r
}

func (c Control) finding(f *facts.Facts, p Policy) Finding {
	v := c.judge(f, p)
	out := Finding{
		ID: c.ID, Title: c.Title, Severity: cmp.Or(v.Severity, c.Severity), Status: v.Status, Have: v.Have, Want: v.Want,
		Evidence: v.Evidence, Why: c.Why, Refs: c.Refs, Mend: []string{}, Kept: c.Mend != nil,
	}
	if v.Status == Fail {
		m := c.mend(f, p)
		out.Mend = m.outlook()
		out.Kept = !m.Empty() || m.Wait || len(m.Blocked) > 0
	}
	if w, ok := p.Waivers[c.ID]; ok {
		out.Waiver = &w
		if !w.Expired && (v.Status == Fail || v.Status == Unknown) {
			out.Status = Waived
		}
	}
	return out
}

// outlook says what will be done about a failing control.
func (m Mend) outlook() []string {
	out := []string{}
	switch {
	case m.Wait:
		out = append(out, "`k3sedge harden` waits until the host has gone back, and starts anew")
	case !m.Empty():
		out = append(out, "`k3sedge harden` mends it")
	}
	for _, left := range slices.Concat(m.Blocked, m.Advice) {
		out = append(out, "left to you: "+left)
	}
	return out
}

// mend is Mend, which is never without an answer.
func (c Control) mend(f *facts.Facts, p Policy) Mend {
	if c.Mend == nil {
		return Mend{Advice: []string{c.Advice}}
	}
	m := c.Mend(f, p)
	if m.silent() {
		m.Blocked = []string{"everything that k3sedge writes for " + c.ID + " is in place already; the evidence names what overrules it"}
	}
	return m
}

// Counts counts the answers.
func (r Report) Counts() Counts {
	return Counts{
		Pass: len(r.With(Pass)), Fail: len(r.With(Fail)), Unknown: len(r.With(Unknown)), NotApplicable: len(r.With(NotApplicable)), Waived: len(r.With(Waived)),
	}
}

// With returns the findings of one status, in the order of the catalogue.
func (r Report) With(s Status) []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.Status == s {
			out = append(out, f)
		}
	}
	return out
}

// Drift is what fails although k3sedge keeps it.
func (r Report) Drift() []Finding {
	return slices.DeleteFunc(r.With(Fail), func(f Finding) bool { return !f.Kept })
}

// Blind is what could not be looked at and is too weighty to go on without:
// what k3sedge keeps, of severity high or critical.
func (r Report) Blind() []Finding {
	return slices.DeleteFunc(r.With(Unknown), func(f Finding) bool { return !f.Kept || !f.Severity.AtLeast(High) })
}

// FailsAt reports whether a control of at least this severity fails.
func (r Report) FailsAt(s Severity) bool {
	for _, f := range r.With(Fail) {
		if f.Severity.AtLeast(s) {
			return true
		}
	}
	return false
}

// MarshalJSON adds the counts.
func (r Report) MarshalJSON() ([]byte, error) {
	findings := r.Findings
	if findings == nil {
		findings = []Finding{}
	}
	return json.Marshal(struct {
		Node     string    `json:"node"`
		Counts   Counts    `json:"counts"`
		Findings []Finding `json:"findings"`
	}{r.Node, r.Counts(), findings})
}
