package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/facts"
)

// The documentation is made of the values that judge a node.
func TestTheDocumentationOfTheControlsIsNotStale(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteControls(&b, "markdown", hardening.Controls()); err != nil {
		t.Fatal(err)
	}
	golden(t, docs("controls.md"), b.String())
	for _, id := range hardening.ControlIDs() {
		if strings.Count(b.String(), "\n### "+id+"\n") != 1 {
			t.Errorf("%s has no heading of its own", id)
		}
	}
}

func TestTheCatalogueForPrograms(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteControls(&b, "json", hardening.Controls()); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || len(got) != len(hardening.Controls()) {
		t.Fatalf("%d controls, %v", len(got), err)
	}
	if strings.Contains(b.String(), "null") {
		t.Error("a list is null")
	}
}

func testControl() hardening.Control {
	return hardening.Control{
		ID: "KRN-01", Title: "Forwarding is on (the inverse of CIS) | and <more>", Severity: hardening.High, Strict: true,
		Why: "without it no pod reaches anything", Want: "`net.ipv4.ip_forward` is 1, and 1 in every_one", When: "always, *even* here",
		Conflict: "CIS Debian 12 3.3.1 and five others want 0, which breaks K3s; K3s wins, and the forward chain of our firewall closes it to strangers instead",
		Refs:     []string{"CIS Debian 12 3.3.1 (inverted)", "dev-sec sysctl-01 (inverted)"}, Advice: "set it to 1",
	}
}

func TestGoldenExplanations(t *testing.T) {
	t.Parallel()
	for _, format := range CatalogueFormats() {
		var b bytes.Buffer
		if err := Explain(&b, format, testControl()); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "explain."+format), b.String())
		if err := Explain(full{}, format, testControl()); !errors.Is(err, errDiskFull) {
			t.Errorf("%s: %v", format, err)
		}
		if err := WriteControls(full{}, format, []hardening.Control{testControl()}); !errors.Is(err, errDiskFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestTheListOfControls(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := testControl()
	c.Mend = func(*facts.Facts, hardening.Policy) hardening.Mend { return hardening.Mend{} }
	if err := WriteControls(&b, "text", []hardening.Control{testControl(), c}); err != nil {
		t.Fatal(err)
	}
	const want = "ID      SEVERITY  PROFILE  MENDED  TITLE\n" +
		"KRN-01  high      strict   by you  Forwarding is on (the inverse of CIS) | and <more>\n" +
		"KRN-01  high      strict   yes     Forwarding is on (the inverse of CIS) | and <more>\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
