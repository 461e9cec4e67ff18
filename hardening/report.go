package hardening

import (
	"encoding/json"

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
}

// Counts says how many controls gave which answer.
type Counts struct {
	Pass          int `json:"pass"`
	Fail          int `json:"fail"`
	Unknown       int `json:"unknown"`
	NotApplicable int `json:"notApplicable"`
}

// Report is what the whole catalogue says about one node.
type Report struct {
	Node     string
	Findings []Finding
}

// Judge asks every control. It is a pure function: the same facts give the same report.
func Judge(f *facts.Facts, p Policy) Report { return judgeAll(Controls(), f, p) }

func judgeAll(controls []Control, f *facts.Facts, p Policy) Report {
	r := Report{Node: p.Node}
	for _, c := range controls {
		v := c.judge(f, p)
		finding := Finding{
			ID: c.ID, Title: c.Title, Severity: c.Severity, Status: v.Status, Have: v.Have, Want: v.Want,
			Evidence: v.Evidence, Why: c.Why, Refs: c.Refs, Mend: []string{},
		}
		if v.Severity != "" {
			finding.Severity = v.Severity
		}
		if v.Status == Fail {
			finding.Mend = c.outlook(f, p)
		}
		r.Findings = append(r.Findings, finding)
	}
	return r
}

// outlook says what will be done about a failing control.
func (c Control) outlook(f *facts.Facts, p Policy) []string {
	m := c.mend(f, p)
	var out []string
	switch {
	case m.Wait:
		out = append(out, "`k3sedge harden` waits until the host has gone back, and starts anew")
	case !m.Empty():
		out = append(out, "`k3sedge harden` mends it")
	}
	for _, b := range m.Blocked {
		out = append(out, "left to you: "+b)
	}
	return out
}

// mend is Mend, which is never without an answer.
func (c Control) mend(f *facts.Facts, p Policy) Mend {
	m := c.Mend(f, p)
	if m.Empty() && !m.Wait && len(m.Blocked) == 0 {
		m.Blocked = []string{"everything that k3sedge writes for " + c.ID + " is in place already; the evidence names what overrules it"}
	}
	return m
}

// Counts counts the answers.
func (r Report) Counts() Counts {
	return Counts{
		Pass: len(r.With(Pass)), Fail: len(r.With(Fail)), Unknown: len(r.With(Unknown)), NotApplicable: len(r.With(NotApplicable)),
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
