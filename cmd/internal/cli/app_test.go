package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestHelpAndVersionInOtherWords(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"help": "COMMANDS:", "help up": "k3sedge up - ", "--version": "k3sedge ", "-v": "k3sedge ", "--version --output json": `"commit"`,
	} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), append([]string{"k3sedge"}, strings.Fields(words)...), testStreams(&out, &errs))
		if code != exitOK || !strings.Contains(out.String(), want) || errs.Len() > 0 {
			t.Errorf("%s: exit %d, %q, %q", words, code, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := Main(t.Context(), []string{"k3sedge", "help", "dwon"}, testStreams(&out, &errs)); code != exitUsage || !strings.Contains(errs.String(), "did you mean down?") {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}
