package report

import (
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/hardening"
)

// Formula is how the score comes about, in the words of the help and the documentation.
const Formula = `score = 100 × passed ÷ (applicable − waived), each control by its weight:
critical 10, high 5, medium 2, low 1. What is unknown has not passed.
Grade: A from 95, B from 85, C from 70, D from 50, else F; at most D while a
critical control fails, at most B while one of severity critical or high is
unknown. The score of all nodes is the mean of theirs, where a node that could
not be looked at counts 0.`

// Score is how well a node, or all of them, hold.
type Score struct {
	Points int    `json:"points"` // 0 to 100, rounded down
	Grade  string `json:"grade"`  // A to F, or none where there was nothing to judge
	// Cap says why the grade is lower than the points alone would make it.
	Cap string `json:"cap,omitempty"`
}

// noGrade is the grade where nothing was judged.
const noGrade = "none"

func weight(s hardening.Severity) int {
	switch s {
	case hardening.Critical:
		return 10
	case hardening.High:
		return 5
	case hardening.Medium:
		return 2
	}
	return 1
}

func gradeOf(points int) string {
	switch {
	case points >= 95:
		return "A"
	case points >= 85:
		return "B"
	case points >= 70:
		return "C"
	case points >= 50:
		return "D"
	}
	return "F"
}

func scoreOf(n Node) Score {
	passed, all := 0, 0
	var failing, blind []string
	for _, f := range n.Findings {
		w := weight(f.Severity)
		switch f.Status {
		case hardening.Pass:
			passed, all = passed+w, all+w
		case hardening.Fail, hardening.Unknown:
			all += w
		}
		if f.Status == hardening.Fail && f.Severity == hardening.Critical {
			failing = append(failing, f.ID)
		}
		if f.Status == hardening.Unknown && f.Severity.AtLeast(hardening.High) {
			blind = append(blind, f.ID)
		}
	}
	if all == 0 {
		return Score{Grade: noGrade}
	}
	s := Score{Points: 100 * passed / all}
	s.Grade = gradeOf(s.Points)
	s.limit("D", failing, "a critical control fails", "critical controls fail")
	s.limit("B", blind, "a weighty control is unknown", "weighty controls are unknown")
	return s
}

// limit lowers the grade to at most the given one where there is a reason.
func (s *Score) limit(grade string, ids []string, one, many string) {
	if len(ids) == 0 || s.Grade >= grade { // later letters are worse
		return
	}
	if len(ids) == 1 {
		s.Grade, s.Cap = grade, one+": "+ids[0]
		return
	}
	s.Grade, s.Cap = grade, fmt.Sprintf("%d %s: %s", len(ids), many, strings.Join(ids, ", "))
}

// overall is the mean of the nodes, under the strictest of their limits.
func overall(nodes []Node) Score {
	points, counted := 0, 0
	var failing, blind []string
	for _, n := range nodes {
		if !n.Seen() {
			counted++
			blind = append(blind, n.Name)
			continue
		}
		if n.Score.Grade == noGrade {
			continue
		}
		points, counted = points+n.Score.Points, counted+1
		for _, f := range n.Findings {
			switch {
			case f.Status == hardening.Fail && f.Severity == hardening.Critical:
				failing = append(failing, n.Name+" "+f.ID)
			case f.Status == hardening.Unknown && f.Severity.AtLeast(hardening.High):
				blind = append(blind, n.Name+" "+f.ID)
			}
		}
	}
	if counted == 0 {
		return Score{Grade: noGrade}
	}
	s := Score{Points: points / counted}
	s.Grade = gradeOf(s.Points)
	s.limit("D", failing, "a critical control fails", "critical controls fail")
	s.limit("B", blind, "something weighty could not be looked at", "weighty things could not be looked at")
	return s
}
