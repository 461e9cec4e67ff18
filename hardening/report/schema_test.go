package report

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
)

// schema knows as much of JSON Schema as docs/report.schema.json uses, and
// refuses every other word of it.
type schema struct {
	root map[string]any
	bad  []string
}

func readSchema(t *testing.T, file string) *schema {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{}
	if err := json.Unmarshal(data, &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

// validate returns what is wrong with a document.
func (s *schema) validate(t *testing.T, document string) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatal(err)
	}
	s.bad = nil
	s.check(s.root, v, "$")
	return s.bad
}

func (s *schema) fault(at, format string, args ...any) {
	s.bad = append(s.bad, at+": "+fmt.Sprintf(format, args...))
}

func (s *schema) check(rules map[string]any, v any, at string) {
	for _, word := range sortedKeys(rules) {
		if !s.apply(rules, word, v, at) {
			s.fault(at, "the schema has the unknown word %q", word)
		}
	}
}

// apply checks one word of a schema, and reports whether it is known.
func (s *schema) apply(rules map[string]any, word string, v any, at string) bool {
	switch arg := rules[word]; word {
	case "$schema", "$id", "$defs", "title", "description":
	case "$ref":
		name := strings.TrimPrefix(arg.(string), "#/$defs/")
		s.check(s.root["$defs"].(map[string]any)[name].(map[string]any), v, at)
	case "const":
		if !reflect.DeepEqual(arg, v) {
			s.fault(at, "is %v, wanted %v", v, arg)
		}
	case "enum":
		if !slices.Contains(arg.([]any), v) {
			s.fault(at, "%v is none of %v", v, arg)
		}
	case "type":
		if typeOf(v) != arg && !(arg == "number" && typeOf(v) == "integer") {
			s.fault(at, "is %s, wanted %s", typeOf(v), arg)
		}
	default:
		return s.applySized(rules, word, v, at)
	}
	return true
}

// applySized checks the words that are about what is inside.
func (s *schema) applySized(rules map[string]any, word string, v any, at string) bool {
	object, _ := v.(map[string]any)
	list, _ := v.([]any)
	switch arg := rules[word]; word {
	case "required":
		for _, name := range arg.([]any) {
			if _, ok := object[name.(string)]; !ok {
				s.fault(at, "lacks %s", name)
			}
		}
	case "properties":
		for name, rule := range arg.(map[string]any) {
			if value, ok := object[name]; ok {
				s.check(rule.(map[string]any), value, at+"."+name)
			}
		}
	case "additionalProperties":
		for name := range object {
			if _, ok := rules["properties"].(map[string]any)[name]; !ok {
				s.fault(at, "has %s too", name)
			}
		}
	case "items":
		for i, item := range list {
			s.check(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i))
		}
	case "minItems":
		if float64(len(list)) < arg.(float64) {
			s.fault(at, "has %d entries", len(list))
		}
	case "pattern":
		if text, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(text) {
			s.fault(at, "%q is not like %s", text, arg)
		}
	case "minimum", "maximum":
		if n, ok := v.(float64); ok && (word == "minimum" && n < arg.(float64) || word == "maximum" && n > arg.(float64)) {
			s.fault(at, "%v, and the %s is %v", n, word, arg)
		}
	default:
		return false
	}
	return true
}

func typeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "null"
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func TestTheJSONFollowsItsSchema(t *testing.T) {
	t.Parallel()
	s := readSchema(t, docs("report.schema.json"))
	full := sample(t)
	selected := full
	selected.Only, selected.Skip = []string{"SSH"}, []string{"SSH-13"}
	empty := New(About{Cluster: clusterOf("empty"), Now: full.Time}, nil)
	for name, d := range map[string]Document{"full": full, "against a baseline": full.Against(full), "selected": selected, "empty": empty} {
		if bad := s.validate(t, written(t, "json", d)); len(bad) > 0 {
			t.Errorf("%s: %s", name, strings.Join(bad, "\n"))
		}
	}
}

// Whatever the documents of this test lack, the schema names every field.
func TestTheSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := readSchema(t, docs("report.schema.json"))
	good := written(t, "json", sample(t).Against(sample(t)))
	for _, change := range [][2]string{
		{`"kind": "HardeningReport"`, `"kind": "Report"`}, {`"profile": "baseline"`, `"profile": "lax"`}, {`"points": 58`, `"points": 101`},
		{`"status": "waived"`, `"status": "ok"`}, {`"severity": "critical"`, `"severity": "bad"`}, {`"expires": "2027-01-31"`, `"expires": "soon"`},
		{`"evidence": []`, `"evidence": null`}, {`"known": 3`, `"known": -1`}, {`"node": "edge-3"`, `"nod": "edge-3"`}, {`"id": "SSH-01"`, `"id": "ssh"`},
		{`"group": "SSH"`, `"group": 1`}, {`"expired": false`, `"expired": "no"`}, {`"time": "2026-11-30T01:05:00Z"`, `"time": "today"`},
	} {
		if !strings.Contains(good, change[0]) {
			t.Errorf("the report has no %s", change[0])
		}
		if len(s.validate(t, strings.Replace(good, change[0], change[1], 1))) == 0 {
			t.Errorf("%s is accepted", change[1])
		}
	}
}

func TestTheSchemaKnowsAllAnswersAndSeverities(t *testing.T) {
	t.Parallel()
	s := readSchema(t, docs("report.schema.json"))
	for _, severity := range hardening.Severities() {
		for _, status := range []hardening.Status{hardening.Pass, hardening.Fail, hardening.Unknown, hardening.NotApplicable, hardening.Waived} {
			d := sample(t)
			d.Nodes = []Node{node(finding("TST-01", severity, status, "A thing"))}
			if bad := s.validate(t, written(t, "json", d)); len(bad) > 0 {
				t.Errorf("%s %s: %q", severity, status, bad)
			}
		}
	}
}
