package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/node"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args  []string
		in    string
		code  int
		words string // on standard output if it ends well, else on standard error
	}{
		"a look":                  {[]string{"look"}, `{"files":[{"path":"/none"}]}`, node.ExitOK, `"/none":{"absent":true`},
		"a bad request":           {[]string{"look"}, `{"none":1}`, node.ExitUsage, `unknown field "none"`},
		"a word more":             {[]string{"look", "here"}, `{}`, node.ExitUsage, "usage:"},
		"no such command":         {[]string{"dance"}, ``, node.ExitUsage, "usage:"},
		"a bad request for facts": {[]string{"facts"}, `{"none":1}`, node.ExitUsage, `unknown field "none"`},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), tt.args, node.Streams{In: strings.NewReader(tt.in), Out: &out, Err: &errs})
		said := errs.String()
		if tt.code == node.ExitOK {
			said = out.String()
		}
		if code != tt.code || !strings.Contains(said, tt.words) || (code != 0) != (errs.Len() > 0) || (code == 0) != (out.Len() > 0) {
			t.Errorf("%s: exit %d, %q, %q", name, code, out.String(), errs.String())
		}
	}
}
