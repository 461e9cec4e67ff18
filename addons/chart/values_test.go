package chart

import (
	"maps"
	"testing"
)

func TestLeaves(t *testing.T) {
	t.Parallel()
	got, err := Leaves("ports: {web: {port: 80}, list: [a, 1]}\nempty: {}\nnone: null\non: true\n")
	want := map[string]string{"ports.web.port": "80", "ports.list": "[a 1]", "none": "<nil>", "on": "true"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"a: [", "- a", "a"} {
		if got, err := Leaves(text); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
	if got, err := Leaves(""); err != nil || len(got) != 0 {
		t.Errorf("nothing gives %v, %v", got, err)
	}
}

func FuzzLeaves(f *testing.F) {
	f.Add("a: {b: 1}")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Leaves(text)
		if err != nil {
			return
		}
		if again, err := Leaves(text); err != nil || !maps.Equal(first, again) {
			t.Errorf("%q: %v, then %v, %v", text, first, again, err)
		}
	})
}
