package provision

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func newJournal(t *testing.T) (*journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "journal.jsonl")
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	return j, path
}

func write(t *testing.T, j *journal, acts ...act) {
	t.Helper()
	for _, a := range acts {
		if err := j.record(a); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalIsReadAgain(t *testing.T) {
	t.Parallel()
	j, path := newJournal(t)
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Error("opening a journal wrote something")
	}
	write(t, j,
		act{ID: "1", Node: "a", Verb: verbCreate, VMID: 9001, State: actIntent},
		act{ID: "1", Node: "a", Verb: verbCreate, VMID: 9001, State: actStarted, Task: sampleUPID},
		act{ID: "2", Node: "b", Verb: verbCreate, VMID: 9002, State: actIntent},
		act{ID: "3", Node: "a", Verb: verbStart, VMID: 9001, State: actIntent},
		act{ID: "3", Node: "a", Verb: verbStart, VMID: 9001, State: actFailed})
	again, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	open := again.open("a")
	if len(open) != 1 || open[0].Task != sampleUPID || open[0].VMID != 9001 {
		t.Errorf("open acts of a: %+v", open)
	}
	if id, made := again.vmid("a"); id != 9001 || made {
		t.Errorf("a is %d, %v", id, made)
	}
	if id, made := again.vmid("b"); id != 9002 || made {
		t.Errorf("b is %d, %v", id, made)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the journal has mode %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder has mode %v, %v", info.Mode(), err)
	}
}

func TestJournalFollowsAVM(t *testing.T) {
	t.Parallel()
	j, _ := newJournal(t)
	id := ""
	for _, tt := range []struct {
		act  act
		id   int
		made bool
	}{
		{act{Verb: verbCreate, VMID: 9001, State: actIntent}, 9001, false},
		{act{Verb: verbCreate, VMID: 9001, State: actFailed}, 0, false},
		{act{Verb: verbCreate, VMID: 9002, State: actIntent}, 9002, false},
		{act{Verb: verbCreate, VMID: 9002, State: actDone}, 9002, true},
		{act{Verb: verbStart, VMID: 9002, State: actIntent}, 9002, true},
		{act{Verb: verbStart, VMID: 9002, State: actFailed}, 9002, true},
		{act{Verb: verbCreate, VMID: 9002, State: actIntent}, 9002, true},
		{act{Verb: verbCreate, VMID: 9002, State: actFailed}, 9002, true},
		{act{Verb: verbCreate, VMID: 9003, State: actIntent}, 9003, false},
		{act{Verb: verbCreate, VMID: 9003, State: actDone}, 9003, true},
		{act{Verb: verbDestroy, VMID: 9003, State: actIntent}, 9003, true},
		{act{Verb: verbDestroy, VMID: 9003, State: actDone}, 0, false},
	} {
		if tt.act.State == actIntent {
			id = j.newID()
		}
		tt.act.ID, tt.act.Node = id, "a"
		write(t, j, tt.act)
		if id, made := j.vmid("a"); id != tt.id || made != tt.made {
			t.Errorf("after %s %s: %d, %v", tt.act.Verb, tt.act.State, id, made)
		}
	}
}

func TestJournalKnowsARequestWithoutAnswer(t *testing.T) {
	t.Parallel()
	j, _ := newJournal(t)
	for _, tt := range []struct {
		id, state string
		vmid      int
		want      bool
	}{
		{"1", actIntent, 9001, true},
		{"2", actIntent, 9001, true},
		{"2", actFailed, 9001, true}, // the second request was refused, the first may go on
		{"3", actIntent, 9002, true},
		{"4", actIntent, 9001, true},
		{"4", actStarted, 9001, false}, // the number was free: the first has made nothing
	} {
		write(t, j, act{ID: tt.id, Node: "a", Verb: verbCreate, VMID: tt.vmid, State: tt.state})
		if got := j.unanswered("a", 9001); got != tt.want {
			t.Errorf("after %s %s: %v", tt.id, tt.state, got)
		}
		if j.unanswered("b", 9001) {
			t.Error("another node's request is unanswered")
		}
	}
}

// TestTornJournal cuts the journal at every byte: what was written before the
// last line is never lost, and writing goes on.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	j, path := newJournal(t)
	write(t, j, act{ID: "1", Node: "a", Verb: verbCreate, VMID: 9001, State: actDone})
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, j, act{ID: "2", Node: "a", Verb: verbStart, VMID: 9001, State: actIntent})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(first); cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		torn, err := openJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, torn, act{ID: "3", Node: "b", Verb: verbCreate, VMID: 9002, State: actDone})
		again, err := openJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := again.vmid("a")
		b, _ := again.vmid("b")
		if a != 9001 || b != 9002 {
			t.Fatalf("cut at %d: a is %d, b is %d", cut, a, b)
		}
	}
}

func FuzzParseJournal(f *testing.F) {
	f.Add([]byte(`{"id":"1","node":"a","verb":"create","vmid":9001,"state":"intent"}` + "\n" + `{"id":"1","sta`))
	f.Add([]byte("\n\n{}\n[1]\nnull\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		acts := parseJournal(raw)
		if len(acts) > bytes.Count(raw, []byte("\n"))+1 {
			t.Errorf("%d acts in %q", len(acts), raw)
		}
		for _, a := range acts {
			if a.ID == "" || a.State == "" {
				t.Errorf("an act without id or state: %+v", a)
			}
		}
	})
}
