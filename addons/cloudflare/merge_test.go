package cloudflare

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
)

const (
	theirs   = `{"hostname":"blog.lab.test","service":"http://10.0.0.9:80","originRequest":{"noTLSVerify":true,"newKey":1}}`
	wide     = `{"hostname":"*.lab.test","service":"http://10.0.0.9:80"}`
	rest     = `{"service":"http_status:503"}`
	gitRule  = `{"hostname":"git.lab.test","service":"http://127.0.0.1:8444","originRequest":{"originServerName":"git.` + clusterID + `.k3sedge.invalid"}}`
	gitOther = `{"hostname":"git.lab.test","service":"http://10.0.0.9:80"}`
	gitPath  = `{"hostname":"git.lab.test","path":"^/api","service":"http://10.0.0.9:80"}`
	twin     = `{"hostname":"git.lab.test","service":"http://127.0.0.1:8444","originRequest":{"originServerName":"git.` + anotherID + `.k3sedge.invalid"}}`
	changed  = `{"hostname":"git.lab.test","service":"http://127.0.0.1:8444","originRequest":{"originServerName":"git.` + clusterID + `.k3sedge.invalid","noTLSVerify":true}}`
)

func wantedGit() []Rule {
	return Rules(testCluster(inventory.EdgeTunnel), []inventory.Service{public("git")})
}

// text is the rules as they would be written.
func text(t *testing.T, rules []Rule) string {
	t.Helper()
	data, err := document(rules)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func list(rules ...string) string { return "[" + strings.Join(rules, ",") + "]" }

func TestMerge(t *testing.T) {
	t.Parallel()
	s, foreigner := scope{cluster: clusterID}, &ForeignError{}
	for name, tc := range map[string]struct {
		scope      scope
		live       []string
		want, told string
	}{
		"a new tunnel":                       {s, nil, list(gitRule, `{"service":"http_status:404"}`), "rule git.lab.test: absent -> http://127.0.0.1:8444"},
		"there already":                      {s, []string{theirs, gitRule, rest}, list(theirs, gitRule, rest), ""},
		"others stay as they are":            {s, []string{theirs, rest}, list(theirs, gitRule, rest), "rule git.lab.test: absent -> http://127.0.0.1:8444"},
		"before a wildcard":                  {s, []string{wide, theirs, rest}, list(gitRule, wide, theirs, rest), "rule git.lab.test: absent -> http://127.0.0.1:8444"},
		"behind a wildcard":                  {s, []string{wide, gitRule, rest}, list(gitRule, wide, rest), "rules: in an order"},
		"a path of others goes first":        {s, []string{gitPath, rest}, list(gitPath, gitRule, rest), "rule git.lab.test: absent -> http://127.0.0.1:8444"},
		"changed by hand":                    {s, []string{changed, rest}, list(gitRule, rest), "rule git.lab.test: http://127.0.0.1:8444, or with other settings -> http://127.0.0.1:8444"},
		"twice":                              {s, []string{gitRule, gitRule, rest}, list(gitRule, rest), "rules: in an order"},
		"adopted":                            {scope{cluster: clusterID, adopt: true}, []string{gitOther, rest}, list(gitRule, rest), "rule git.lab.test: http://10.0.0.9:80, not k3sedge's -> http://127.0.0.1:8444"},
		"another cluster's is not ours":      {s, []string{twin, rest}, "", "FOREIGN"},
		"somebody's beside ours":             {s, []string{gitOther, gitRule, rest}, "", "FOREIGN"},
		"somebody's for the host":            {s, []string{gitOther, rest}, "", "FOREIGN"},
		"without a rule for all the rest":    {s, []string{theirs}, list(theirs, gitRule, `{"service":"http_status:404"}`), "rule git.lab.test: absent"},
		"a rule for all by another spelling": {s, []string{`{"hostname":"*","service":"http_status:404"}`}, list(gitRule, `{"hostname":"*","service":"http_status:404"}`), "rule git.lab.test: absent"},
	} {
		live := parsed(t, tc.live...)
		got, changes := tc.scope.merge(live, wantedGit())
		err := tc.scope.sort(live, wantedGit()).foreign["git.lab.test"]
		if tc.told == "FOREIGN" {
			if !errors.As(err, &foreigner) || !strings.Contains(err.Error(), "\n  - git.lab.test to ") || len(changes) > 0 || text(t, got) != list(tc.live...) {
				t.Errorf("%s: %v, %s", name, err, text(t, got))
			}
			continue
		}
		if err != nil || text(t, got) != tc.want || !strings.HasPrefix(told(changes), tc.told) || (tc.told == "") != (len(changes) == 0) {
			t.Errorf("%s:\n%s\nwant\n%s\n%s, %v", name, text(t, got), tc.want, told(changes), err)
		}
		again, more := tc.scope.merge(parsed(t, strings.TrimSuffix(strings.TrimPrefix(text(t, got), "["), "]")), wantedGit())
		if len(more) > 0 || text(t, again) != text(t, got) {
			t.Errorf("%s: not settled: %s", name, told(more))
		}
	}
}

func TestMergeOfNothingLeavesEverything(t *testing.T) {
	t.Parallel()
	live := parsed(t, wide, theirs)
	got, changes := scope{cluster: clusterID}.merge(live, nil)
	if len(changes) > 0 || text(t, got) != list(wide, theirs) {
		t.Errorf("%s, %s", text(t, got), told(changes))
	}
}

func TestWithdraw(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		only string
		want []Rule
		left string
	}{
		"no longer wanted":   {"", nil, list(theirs, wide, rest)},
		"still wanted":       {"", wantedGit(), list(theirs, gitRule, wide, rest)},
		"not the one chosen": {"wiki", nil, list(theirs, gitRule, wide, rest)},
		"the one chosen":     {"git", nil, list(theirs, wide, rest)},
	} {
		got, changes := scope{cluster: clusterID, only: tc.only}.withdraw(parsed(t, theirs, gitRule, wide, rest), tc.want)
		if text(t, got) != tc.left || (len(changes) > 0) != (len(got) < 4) {
			t.Errorf("%s: %s, %s", name, text(t, got), told(changes))
		}
	}
	if got, _ := (scope{cluster: clusterID}).withdraw(parsed(t, gitOther, twin, rest), nil); len(got) != 3 {
		t.Errorf("took others' rules: %s", text(t, got))
	}
}

func FuzzParseRules(f *testing.F) {
	for _, seed := range []string{list(theirs, wide, gitRule, gitPath, rest), "null", "[]", `[{"hostname":1}]`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		live, err := parseRules(map[string]json.RawMessage{"ingress": data})
		if err != nil {
			return
		}
		got, _ := scope{cluster: clusterID, adopt: true}.merge(live, wantedGit())
		written, err := document(got)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseRules(map[string]json.RawMessage{"ingress": written})
		if err != nil {
			t.Fatal(err)
		}
		if _, changes := (scope{cluster: clusterID, adopt: true}).merge(back, wantedGit()); len(changes) > 0 {
			t.Fatalf("not settled: %s\n%s", told(changes), written)
		}
	})
}
