package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The states of an act in the journal.
const (
	actIntent  = "intent"  // about to ask Proxmox
	actStarted = "started" // Proxmox has given a task
	actDone    = "done"
	actFailed  = "failed"
)

// act is one line of the journal: something asked of Proxmox.
type act struct {
	Time time.Time `json:"time"`
	// ID joins the lines of one act.
	ID    string `json:"id"`
	Node  string `json:"node,omitempty"` // "" for what belongs to the cluster
	Verb  string `json:"verb"`           // create, configure, start, …
	VMID  int    `json:"vmid,omitempty"`
	State string `json:"state"`
	Task  UPID   `json:"task,omitempty"`
}

// journal is what was asked of Proxmox, written before it is asked and synced
// to the disk, so that a run that was killed can be taken up where it broke.
// It is a help, never a proof: what is there is decided by looking.
type journal struct {
	mu   sync.Mutex
	path string
	acts []act
	next int
}

// openJournal reads the journal at path; one that is not there is empty. It
// writes nothing until the first record.
func openJournal(path string) (*journal, error) {
	j := &journal{path: path}
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	j.acts = parseJournal(raw)
	return j, nil
}

// parseJournal reads line by line. A line that was torn by a crash is the end
// of an act that never began, so that it is left out.
func parseJournal(raw []byte) []act {
	var acts []act
	for line := range bytes.Lines(raw) {
		var a act
		if json.Unmarshal(line, &a) == nil && a.ID != "" && a.State != "" {
			acts = append(acts, a)
		}
	}
	return acts
}

// record appends a line and returns when it is on the disk.
func (j *journal) record(a act) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	a.Time = time.Now().UTC()
	line, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := appendSynced(j.path, line); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	j.acts = append(j.acts, a)
	return nil
}

func appendSynced(path string, line []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if torn(f, info.Size()) {
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(append(line, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if info.Size() == 0 { // a new file is lost with its folder's entry
		err = errors.Join(err, syncFolder(filepath.Dir(path)))
	}
	return err
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// torn says whether the last line has no end.
func torn(f *os.File, size int64) bool {
	last := make([]byte, 1)
	_, err := f.ReadAt(last, size-1)
	return err == nil && last[0] != '\n'
}

// newID is unique within this journal.
func (j *journal) newID() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	return fmt.Sprintf("%d-%d-%d", time.Now().UnixNano(), os.Getpid(), j.next)
}

// open returns the acts of a node that neither ended well nor failed, each
// with all that is known about it.
func (j *journal) open(node string) []act {
	j.mu.Lock()
	defer j.mu.Unlock()
	var ids []string
	last := map[string]act{}
	for _, a := range j.acts {
		if a.Node != node {
			continue
		}
		if _, seen := last[a.ID]; !seen {
			ids = append(ids, a.ID)
		}
		last[a.ID] = a
	}
	var out []act
	for _, id := range ids {
		if s := last[id].State; s == actIntent || s == actStarted {
			out = append(out, last[id])
		}
	}
	return out
}

// vmid returns the number under which a node's VM was last made, and whether
// making it was ever seen to succeed there. That it is made again, or that
// this fails, takes nothing from the answer: the number stays known.
func (j *journal) vmid(node string) (id int, made bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	failed := map[string]bool{}
	for _, a := range j.acts {
		if a.State == actFailed {
			failed[a.ID] = true
		}
	}
	for _, a := range j.acts {
		switch {
		case a.Node != node || failed[a.ID]:
		case a.Verb == verbDestroy && a.State == actDone:
			id, made = 0, false
		case a.Verb != verbCreate, made && a.VMID == id:
		default:
			id, made = a.VMID, a.State == actDone
		}
	}
	return id, made
}

// unanswered says whether Proxmox was asked to make the node's VM under this
// number and nobody read its answer, so that it may be making it.
func (j *journal) unanswered(node string, id int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	asked := map[string]bool{}
	for _, a := range j.acts {
		if a.Node != node || a.VMID != id {
			continue
		}
		switch {
		case a.Verb == verbCreate && a.State == actIntent:
			asked[a.ID] = true
		case a.Verb == verbCreate && a.State == actFailed:
			delete(asked, a.ID)
		case a.Verb == verbCreate, a.Verb == verbDestroy && a.State == actDone:
			clear(asked) // an answer for this number is one for all
		}
	}
	return len(asked) > 0
}
