package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestUnknownFlagsAreToldAsTheyAreTyped(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"up --plna":                     "error: --plna: no such flag; did you mean --plan?\nhint: k3sedge up --help lists the flags\n",
		"up -plna":                      "error: --plna: no such flag; did you mean --plan?\n",
		"up --fiel=x":                   "error: --fiel: no such flag; did you mean --file?\n",
		"up --file --plna --wiat 3m":    "error: --wiat: no such flag; did you mean --wait?\n", // --plna is the file
		"trust edge-1 --figerprint SHA": "error: --figerprint: no such flag; did you mean --fingerprint?\n",
		"harden --chekc":                "error: --chekc: no such flag; did you mean --check?\n",
		"harden -x":                     "error: -x: no such flag\n",
		"down --frobnicate":             "error: --frobnicate: no such flag\nhint: k3sedge down --help lists the flags\n",
		"--hepl":                        "error: --hepl: no such flag; did you mean --help?\nhint: k3sedge --help lists the flags\n",
	} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), append([]string{"k3sedge"}, strings.Fields(words)...), testStreams(&out, &errs))
		if code != exitUsage || !strings.HasPrefix(errs.String(), want) || out.Len() > 0 {
			t.Errorf("%s: exit %d, %q, %q", words, code, out.String(), errs.String())
		}
	}
}

func TestKnownFlagsArePassedOn(t *testing.T) {
	t.Parallel()
	app := newApp(testStreams(io.Discard, io.Discard))
	for _, words := range []string{
		"", "up", "up --plan", "up -h", "up --help", "-h", "up --file --odd", "up -f=--odd -o json", "up --", "up -- --odd", "up -", "trust --fingerprint x edge-1",
		"init --address 10.0.0.1 --address 10.0.0.2 --existing",
	} {
		if err := knownFlags(app, append([]string{"k3sedge"}, strings.Fields(words)...)); err != nil {
			t.Errorf("%s: %v", words, err)
		}
	}
}
