package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
)

func TestGoldenReports(t *testing.T) {
	t.Parallel()
	d := sample(t)
	for _, format := range Formats() {
		out := written(t, format, d)
		golden(t, filepath.Join("testdata", FileName(format)), out)
		if again := written(t, format, d); again != out {
			t.Errorf("%s: the same document gives another report", format)
		}
		for _, must := range []string{"SSH-01", "edge-3", "no route to host", "tunnels for the backup", "net team"} {
			if !strings.Contains(out, must) && !(format == "text" && must == "no route to host") {
				t.Errorf("%s: nothing of %q", format, must)
			}
		}
	}
}

func TestAnUnknownFormatAndAFullDisk(t *testing.T) {
	t.Parallel()
	if err := Write(io.Discard, "pdf", sample(t)); err == nil {
		t.Error("there is no format pdf")
	}
	for _, format := range Formats() {
		if err := Write(full{}, format, sample(t)); !errors.Is(err, errDiskFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

var errDiskFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errDiskFull }

func TestNoNodeSteersTheTerminalOrThePage(t *testing.T) {
	t.Parallel()
	d := sample(t)
	if text := written(t, "text", d); strings.ContainsAny(text, "\x1b\u202e") || !strings.Contains(text, `\x1b[31mred`) {
		t.Error("what a node says reaches the terminal as it is")
	}
	html := written(t, "html", d)
	if strings.Contains(html, "<script>alert") || strings.Count(html, "<script>") != 1 {
		t.Error("what a node says is part of the page")
	}
	if found := regexp.MustCompile(`(?i)(src|href|action)="[^#"][^"]*"|url\(|@import|https?://`).FindAllString(html, -1); len(found) > 0 {
		t.Errorf("the page refers to something outside of it: %q", found)
	}
}

func TestThePageIsWellFormed(t *testing.T) {
	t.Parallel()
	dec := xml.NewDecoder(strings.NewReader(strings.Replace(written(t, "html", sample(t)), "<!doctype html>", "", 1)))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	depth, ids := 0, map[string]bool{}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			depth++
			for _, a := range x.Attr {
				if a.Name.Local == "id" && ids[a.Value] {
					t.Errorf("the id %q is there twice", a.Value)
				}
				ids[a.Value] = ids[a.Value] || a.Name.Local == "id"
			}
		case xml.EndElement:
			depth--
		}
	}
	if depth != 0 || !ids["node-edge-1"] {
		t.Errorf("depth %d at the end, ids %v", depth, ids)
	}
}

func TestJUnitCounts(t *testing.T) {
	t.Parallel()
	var got junitSuites
	if err := xml.Unmarshal([]byte(written(t, "junit", sample(t))), &got); err != nil {
		t.Fatal(err)
	}
	sum := junitSuite{}
	for _, s := range got.Suites {
		if s.Tests != len(s.Cases) || s.Tests == 0 {
			t.Errorf("%s: %d tests, %d cases", s.Name, s.Tests, len(s.Cases))
		}
		sum.Tests, sum.Failures, sum.Errors, sum.Skipped = sum.Tests+s.Tests, sum.Failures+s.Failures, sum.Errors+s.Errors, sum.Skipped+s.Skipped
	}
	if got.Tests != sum.Tests || got.Failures != 3 || sum.Failures != 3 || got.Errors != 2 || sum.Errors != 2 || got.Skipped != 2 || sum.Skipped != 2 {
		t.Errorf("%+v of %+v", sum, got.Suites)
	}
}

func TestTheJSONIsWhatProgramsExpect(t *testing.T) {
	t.Parallel()
	var got struct {
		Kind  string
		Nodes []struct {
			Node, Error string
			Counts      hardening.Counts
			Findings    []hardening.Finding
		}
	}
	if err := json.Unmarshal([]byte(written(t, "json", sample(t))), &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "HardeningReport" || len(got.Nodes) != 3 || got.Nodes[0].Node != "edge-1" || got.Nodes[2].Error == "" {
		t.Errorf("report %+v", got)
	}
	if c := got.Nodes[0].Counts; c != (hardening.Counts{Pass: 14, Fail: 2, Unknown: 1, Waived: 1, NotApplicable: 1}) || len(got.Nodes[0].Findings) != 19 {
		t.Errorf("counts %+v of %d findings", c, len(got.Nodes[0].Findings))
	}
	empty := New(About{Now: time.Now(), Cluster: inventory.Cluster{}}, []Seen{{Node: "edge-1"}})
	if out := written(t, "json", empty); strings.Contains(out, "null") {
		t.Errorf("an empty report has null: %s", out)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m", "\u202e", "a\"b\\c", "\xff", "\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) {
			if !unicode.IsPrint(r) && !unicode.IsSpace(r) || r < ' ' {
				t.Errorf("%q keeps %q", s, r)
			}
		}
	})
}
