package fault

import (
	"slices"
	"testing"
)

func TestHit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule Rule
		want []bool // of GET /a, POST /a, GET /b, GET /a, GET /a
	}{
		"all":           {Rule{}, []bool{true, true, true, true, true}},
		"a method":      {Rule{Method: "POST"}, []bool{false, true, false, false, false}},
		"a path":        {Rule{Path: "^/b$"}, []bool{false, false, true, false, false}},
		"after one":     {Rule{Method: "GET", Path: "a", After: 1}, []bool{false, false, false, true, true}},
		"one":           {Rule{Path: "a", Count: 1}, []bool{true, false, false, false, false}},
		"one after one": {Rule{Path: "a", After: 1, Count: 1}, []bool{false, true, false, false, false}},
	} {
		m, err := c.rule.Compile()
		if err != nil {
			t.Fatal(err)
		}
		var got []bool
		for _, r := range [][2]string{{"GET", "/a"}, {"POST", "/a"}, {"GET", "/b"}, {"GET", "/a"}, {"GET", "/a"}} {
			got = append(got, m.Hit(r[0], r[1]))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if _, err := (Rule{Path: "("}).Compile(); err == nil {
		t.Error("half an expression is taken")
	}
}
