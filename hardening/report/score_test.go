package report

import (
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
)

func node(findings ...hardening.Finding) Node {
	return newNode(Seen{Node: "edge-1", Findings: findings})
}

// answers are controls of one severity with one answer.
func answers(n int, severity hardening.Severity, status hardening.Status) []hardening.Finding {
	var out []hardening.Finding
	for range n {
		out = append(out, finding("TST-01", severity, status, "A thing"))
	}
	return out
}

func TestTheScoreByItsFormula(t *testing.T) {
	t.Parallel()
	many := func(lists ...[]hardening.Finding) Node {
		var all []hardening.Finding
		for _, l := range lists {
			all = append(all, l...)
		}
		return node(all...)
	}
	for name, tt := range map[string]struct {
		n      Node
		points int
		grade  string
		cap    string
	}{
		"nothing":                      {node(), 0, noGrade, ""},
		"nothing that counts":          {many(answers(3, hardening.High, hardening.NotApplicable), answers(1, hardening.High, hardening.Waived)), 0, noGrade, ""},
		"all of it":                    {many(answers(3, hardening.Critical, hardening.Pass)), 100, "A", ""},
		"rounded down":                 {many(answers(189, hardening.Low, hardening.Pass), answers(11, hardening.Low, hardening.Fail)), 94, "B", ""},
		"just an A":                    {many(answers(19, hardening.Low, hardening.Pass), answers(1, hardening.Low, hardening.Fail)), 95, "A", ""},
		"by weight":                    {many(answers(1, hardening.Critical, hardening.Pass), answers(1, hardening.High, hardening.Fail)), 66, "D", ""},
		"waived counts for nothing":    {many(answers(1, hardening.Medium, hardening.Pass), answers(9, hardening.Critical, hardening.Waived)), 100, "A", ""},
		"unknown has not passed":       {many(answers(1, hardening.Medium, hardening.Pass), answers(1, hardening.Medium, hardening.Unknown)), 50, "D", ""},
		"a critical failure":           {many(answers(99, hardening.Critical, hardening.Pass), answers(1, hardening.Critical, hardening.Fail)), 99, "D", "a critical control fails: TST-01"},
		"a weighty gap":                {many(answers(99, hardening.High, hardening.Pass), answers(1, hardening.High, hardening.Unknown)), 99, "B", "a weighty control is unknown: TST-01"},
		"a light gap":                  {many(answers(99, hardening.Medium, hardening.Pass), answers(1, hardening.Medium, hardening.Unknown)), 99, "A", ""},
		"both":                         {many(answers(98, hardening.Critical, hardening.Pass), answers(2, hardening.Critical, hardening.Fail), answers(1, hardening.High, hardening.Unknown)), 97, "D", "2 critical controls fail: TST-01, TST-01"},
		"what is bad is not made good": {many(answers(1, hardening.Low, hardening.Pass), answers(1, hardening.Critical, hardening.Fail)), 9, "F", ""},
		"half":                         {many(answers(1, hardening.Low, hardening.Pass), answers(1, hardening.Low, hardening.Fail)), 50, "D", ""},
		"less":                         {many(answers(49, hardening.Low, hardening.Pass), answers(51, hardening.Low, hardening.Fail)), 49, "F", ""},
		"C":                            {many(answers(70, hardening.Low, hardening.Pass), answers(30, hardening.Low, hardening.Fail)), 70, "C", ""},
	} {
		if got := tt.n.Score; got != (Score{tt.points, tt.grade, tt.cap}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTheScoreOfAllNodes(t *testing.T) {
	t.Parallel()
	good := node(answers(4, hardening.High, hardening.Pass)...)
	bad := node(append(answers(3, hardening.Critical, hardening.Pass), answers(1, hardening.Critical, hardening.Fail)...)...)
	gap := node(append(answers(99, hardening.High, hardening.Pass), answers(1, hardening.High, hardening.Unknown)...)...)
	blind := newNode(Seen{Node: "edge-9", Error: "gone"})
	for name, tt := range map[string]struct {
		nodes  []Node
		points int
		grade  string
		cap    string
	}{
		"none":             {nil, 0, noGrade, ""},
		"nothing counted":  {[]Node{node()}, 0, noGrade, ""},
		"the mean":         {[]Node{good, bad, node()}, 87, "D", "a critical control fails: edge-1 TST-01"},
		"nobody seen":      {[]Node{blind}, 0, "F", ""},
		"one not seen":     {[]Node{good, good, good, good, good, good, good, good, good, blind}, 90, "B", ""},
		"one of many":      {append([]Node{blind}, repeated(good, 30)...), 96, "B", "something weighty could not be looked at: edge-9"},
		"a gap on one":     {[]Node{good, gap}, 99, "B", "something weighty could not be looked at: edge-1 TST-01"},
		"everything holds": {[]Node{good, good}, 100, "A", ""},
	} {
		if got := overall(tt.nodes); got != (Score{tt.points, tt.grade, tt.cap}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func repeated(n Node, times int) []Node {
	var out []Node
	for range times {
		out = append(out, n)
	}
	return out
}

// The formula in words names the numbers by which it is computed.
func TestTheFormulaIsTheOneThatIsComputed(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"critical 10, high 5, medium 2, low 1", "A from 95, B from 85, C from 70, D from 50"} {
		if !strings.Contains(Formula, words) {
			t.Errorf("the formula lacks %q", words)
		}
	}
	for s, want := range map[hardening.Severity]int{hardening.Critical: 10, hardening.High: 5, hardening.Medium: 2, hardening.Low: 1} {
		if weight(s) != want {
			t.Errorf("%s weighs %d", s, weight(s))
		}
	}
}
