package verify

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func fourResults() Report {
	return Report{
		Cluster: "edge", Machines: []string{"edge-1: Debian"}, Began: time.Unix(0, 0),
		Results: []Result{
			{"a", "a holds", Kept, "", 1200 * time.Millisecond}, {"b", "b holds", Broken, "one | thing\nanother", time.Second},
			{"c", "c holds", LeftOut, "no third machine", 0}, {"d", "d holds", Unseen, "no <route>", 0},
		},
	}
}

func TestResultsAreWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	if err := fourResults().Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, JUnitFile))
	if err != nil {
		t.Fatal(err)
	}
	var s junitSuite
	if err := xml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if s.Tests != 4 || s.Failures != 1 || s.Errors != 1 || s.Skipped != 1 || len(s.Cases) != 4 || s.Time != "2.2" {
		t.Errorf("%+v", s)
	}
	if s.Cases[0].Failure != nil || s.Cases[1].Failure == nil || s.Cases[2].Skipped == nil || s.Cases[3].Error == nil {
		t.Errorf("%s", text)
	}
	page, err := os.ReadFile(filepath.Join(dir, MarkdownFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"- edge-1: Debian\n", "1 kept, 1 broken, 1 could not be looked at, 1 left out.", "| a | kept | 1.2 |  |", `| b | broken | 1.0 | one \| thing<br>another |`, "no &lt;route>"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	var table bytes.Buffer
	if err := fourResults().Table(&table); err != nil || !strings.Contains(table.String(), "one | thing (and 1 more)") {
		t.Errorf("%v\n%s", err, table.String())
	}
}

func TestPromisesAreChosenByName(t *testing.T) {
	t.Parallel()
	if all, err := choose(nil); err != nil || len(all) != len(Promises()) {
		t.Errorf("%d, %v", len(all), err)
	}
	chosen, err := choose([]string{"root-login-refused", "created-and-pinned"})
	if err != nil || len(chosen) != 2 || chosen[0].Name != "created-and-pinned" {
		t.Errorf("%v, %v", chosen, err)
	}
	if chosen, err := choose([]string{"reboot-all-and-again"}); err != nil || len(chosen) != 1+len(lookingPromises()) {
		t.Errorf("%d, %v", len(chosen), err)
	}
	if _, err := choose([]string{"ports"}); !errors.Is(err, ErrNoPromise) {
		t.Errorf("%v", err)
	}
	if r, err := All(t.Context(), Site{Project: t.TempDir()}, nil, nil); err == nil || len(r.Results) > 0 {
		t.Errorf("no project: %v, %v", r, err)
	}
}

func TestWhatTheMachinesAreIsTold(t *testing.T) {
	t.Parallel()
	r, _ := newRun(t)
	r.about["edge-1"] = r.seen.machines.value["edge-1"]
	got := r.Report().Machines
	if len(got) != 2 || got[0] != "edge-1: Debian GNU/Linux 12 (bookworm), Linux 6.1.0-40-cloud-amd64 x86_64, virtualisation: kvm" || got[1] != "edge-2: could not be read" {
		t.Errorf("%q", got)
	}
}
