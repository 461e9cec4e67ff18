package report

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
)

func TestTheSameReportHasNothingNew(t *testing.T) {
	t.Parallel()
	earlier, err := ReadBaseline([]byte(written(t, "json", sample(t))))
	if err != nil {
		t.Fatal(err)
	}
	before := sample(t)
	d := before.Against(earlier)
	for i, n := range d.Nodes {
		if n.FailsAt(hardening.Low) || n.Counts.Fail+n.Counts.Unknown != 0 {
			t.Errorf("%s: %+v is new", n.Name, n.Counts)
		}
		if n.Score != before.Nodes[i].Score {
			t.Errorf("%s: a baseline changes the score to %+v", n.Name, n.Score)
		}
	}
	if before.Baseline != nil || before.Nodes[0].Findings[0].Known {
		t.Error("the document itself was changed")
	}
	for _, format := range []string{"text", "junit", "html"} {
		if out := written(t, format, d); strings.Contains(out, "the agent did not look at it") {
			t.Errorf("%s: what is known is shown", format)
		}
	}
	if out := written(t, "text", d); !strings.Contains(out, "3 known") || !strings.Contains(out, "new since the report of 2026-11-30") {
		t.Errorf("what is known is not counted: %s", out)
	}
	if out := written(t, "sarif", d); strings.Count(out, `"baselineState": "unchanged"`) != 4 || strings.Count(out, `"baselineState": "new"`) != 1 {
		t.Errorf("sarif: %s", out)
	}
	if again, err := ReadBaseline([]byte(written(t, "json", d))); err != nil || sample(t).Against(again).Nodes[0].Counts.Fail != 0 {
		t.Errorf("a report against a baseline is no baseline: %v", err)
	}
}

func TestWhatIsNew(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, now hardening.Status
		severity    hardening.Severity
		known       bool
	}{
		"failed before":          {hardening.Fail, hardening.Fail, hardening.High, true},
		"failed milder":          {hardening.Fail, hardening.Fail, hardening.Critical, false},
		"passed before":          {hardening.Pass, hardening.Fail, hardening.High, false},
		"was waived":             {hardening.Waived, hardening.Fail, hardening.High, false},
		"was unknown":            {hardening.Unknown, hardening.Fail, hardening.High, false},
		"still unknown":          {hardening.Unknown, hardening.Unknown, hardening.High, true},
		"unknown after failing":  {hardening.Fail, hardening.Unknown, hardening.High, true},
		"unknown after all":      {hardening.Pass, hardening.Unknown, hardening.High, false},
		"a pass is always shown": {hardening.Pass, hardening.Pass, hardening.High, false},
	} {
		earlier := Document{Nodes: []Node{node(finding("TST-01", hardening.High, tt.before, "A thing"))}}
		d := Document{Nodes: []Node{node(finding("TST-01", tt.severity, tt.now, "A thing")), {Name: "edge-2", Findings: []Finding{{Finding: finding("TST-01", hardening.High, hardening.Fail, "A thing")}}}}}
		d = d.Against(earlier)
		if d.Nodes[0].Findings[0].Known != tt.known || d.Nodes[1].Findings[0].Known {
			t.Errorf("%s: known is %t", name, !tt.known)
		}
	}
}

func TestWhatIsNoBaseline(t *testing.T) {
	t.Parallel()
	good := written(t, "json", sample(t))
	for name, data := range map[string]string{
		"empty": "", "garbled": good[:len(good)/2], "another document": `{"kind": "List"}`, "an array": "[]",
		"another version": strings.Replace(good, APIVersion, "k3sedge.dev/v2", 1), "the old form": `{"nodes": []}`,
	} {
		if _, err := ReadBaseline([]byte(data)); !errors.Is(err, ErrBaseline) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"kind":"HardeningReport","apiVersion":"k3sedge.dev/v1","time":"2026-11-30T01:05:00Z","nodes":[{"node":"edge-1","findings":[{"id":"SSH-01","status":"fail"}]}]}`))
	f.Add([]byte(`{"kind":"HardeningReport","nodes":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ReadBaseline(data)
		if err != nil {
			return
		}
		if _, err := json.Marshal((Document{Nodes: []Node{{Name: "edge-1"}}}).Against(d)); err != nil {
			t.Error(err)
		}
	})
}
