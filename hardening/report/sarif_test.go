package report

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
)

// sarifRules are what SARIF 2.1.0 requires of the objects that a report has,
// and the values that it allows, by the path of the object.
func sarifRules() (required map[string][]string, allowed map[string][]string) {
	required = map[string][]string{
		"":                                  {"version", "runs"},
		".runs":                             {"tool"},
		".runs.tool":                        {"driver"},
		".runs.tool.driver":                 {"name"},
		".runs.tool.driver.rules":           {"id"},
		".runs.invocations":                 {"executionSuccessful"},
		".runs.results":                     {"message"},
		".runs.results.suppressions":        {"kind"},
		".runs.results.message":             {"text"},
		".runs.tool.driver.rules.help":      {"text"},
		".runs.automationDetails":           {"id"},
		".runs.results.locations":           {"logicalLocations", "physicalLocation"}, // code scanning wants the latter
		".runs.results.partialFingerprints": {"nodeControlEvidence/v1"},
		".runs.invocations.toolExecutionNotifications": {"message"},
	}
	allowed = map[string][]string{
		".version":                                             {"2.1.0"},
		".runs.columnKind":                                     {"utf16CodeUnits", "unicodeCodePoints"},
		".runs.results.kind":                                   {"notApplicable", "pass", "fail", "review", "open", "informational"},
		".runs.results.level":                                  {"none", "note", "warning", "error"},
		".runs.results.baselineState":                          {"new", "unchanged", "updated", "absent"},
		".runs.results.suppressions.kind":                      {"inSource", "external"},
		".runs.results.suppressions.status":                    {"accepted", "underReview", "rejected"},
		".runs.tool.driver.rules.defaultConfiguration.level":   {"none", "note", "warning", "error"},
		".runs.invocations.toolExecutionNotifications.level":   {"none", "note", "warning", "error"},
		".runs.results.locations.logicalLocations.kind":        {"resource"},
		".runs.tool.driver.rules.properties.security-severity": {"9.5", "8.0", "5.5", "2.0"},
		".runs.invocations.endTimeUtc":                         {"2026-11-30T01:05:00Z"},
	}
	return required, allowed
}

type sarifWalk struct {
	t       *testing.T
	objects map[string]int
}

func (w sarifWalk) walk(path string, v any) {
	required, allowed := sarifRules()
	switch v := v.(type) {
	case map[string]any:
		w.objects[path]++
		for _, name := range required[path] {
			if _, ok := v[name]; !ok {
				w.t.Errorf("%s lacks %s", path, name)
			}
		}
		for name, inner := range v {
			w.walk(path+"."+name, inner)
		}
	case []any:
		for _, inner := range v {
			w.walk(path, inner)
		}
	case string:
		if values := allowed[path]; values != nil && !slices.Contains(values, v) {
			w.t.Errorf("%s is %q, which is none of %q", path, v, values)
		}
	}
}

func TestTheSARIFFollowsItsStandard(t *testing.T) {
	t.Parallel()
	out := written(t, "sarif", sample(t).Against(Document{}))
	var v any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	w := sarifWalk{t, map[string]int{}}
	w.walk("", v)
	required, _ := sarifRules()
	for path := range required {
		if w.objects[path] == 0 {
			t.Errorf("nothing stands at %q, so nothing was checked", path)
		}
	}
	var log sarifLog
	if err := json.Unmarshal([]byte(out), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	seen := map[string]bool{}
	for _, r := range run.Results {
		rule := run.Tool.Driver.Rules[r.RuleIndex]
		if rule.ID != r.RuleID {
			t.Errorf("the rule of %s is %s", r.RuleID, rule.ID)
		}
		if (r.Kind != "fail") != (r.Level == "none") {
			t.Errorf("%s: kind %s with level %s", r.RuleID, r.Kind, r.Level)
		}
		uri := r.Locations[0].Physical.Artifact.URI
		if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./@-]*$`).MatchString(uri) {
			t.Errorf("%s: %q is no relative address", r.RuleID, uri)
		}
		mark := r.Fingerprints["nodeControlEvidence/v1"]
		if len(mark) != 32 || seen[mark] {
			t.Errorf("%s: the fingerprint %q is not its own", r.RuleID, mark)
		}
		seen[mark] = true
	}
	if run.Invocations[0].ExecutionSuccessful || len(run.Results) != 5 || len(run.Results[1].Suppressions) != 1 {
		t.Errorf("run %+v", run)
	}
	for _, rule := range run.Tool.Driver.Rules {
		if !regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`).MatchString(rule.Name) || !strings.HasSuffix(rule.HelpURI, "/docs/controls.md#"+strings.ToLower(rule.ID)) {
			t.Errorf("rule %+v", rule)
		}
	}
}

func TestAFindingIsWhereItsEvidenceIs(t *testing.T) {
	t.Parallel()
	n := Node{Name: "edge-1"}
	for line, want := range map[string]string{
		"/etc/ssh/sshd_config:12: PermitRootLogin yes": "edge-1/etc/ssh/sshd_config 12",
		"/etc/shadow: mode 0644":                       "edge-1/etc/shadow 0",
		"/etc/shadow":                                  "edge-1/etc/shadow 0",
		"sshd -T: permitrootlogin yes":                 "edge-1 0",
		"/etc/a b: odd":                                "edge-1 0",
		"":                                             "edge-1 0",
	} {
		p := physical(n, Finding{Finding: hardening.Finding{Evidence: []string{line}}})
		got := p.Artifact.URI + " 0"
		if p.Region != nil {
			got = fmt.Sprint(p.Artifact.URI, " ", p.Region.StartLine)
		}
		if got != want {
			t.Errorf("%q is at %q, want %q", line, got, want)
		}
	}
}

// The fingerprint stays while the evidence does, and tells nodes apart.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	f := Finding{Finding: finding("SSH-01", hardening.High, hardening.Fail, "A thing")}
	f.Evidence = []string{"a", "b"}
	same := f
	same.Title = "Another title"
	other := f
	other.Evidence = []string{"ab"}
	if fingerprint("edge-1", f) != fingerprint("edge-1", same) || fingerprint("edge-1", f) == fingerprint("edge-2", f) || fingerprint("edge-1", f) == fingerprint("edge-1", other) {
		t.Error("a fingerprint is of node, control and evidence")
	}
}
