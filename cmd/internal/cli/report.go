package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// runReport shows a run, keeps its events in a file and its stages' times.
type runReport struct {
	show converge.Reporter
	file *os.File

	screen *screen
	live   *liveReporter // nil unless Err is a terminal

	mu     sync.Mutex
	stages []stageTime
	blind  []*converge.StepError // why steps could not be looked at
	ended  []ended
}

// ended is the last step of a subject that came to a good end.
type ended struct{ subject, step string }

// stageTime is how long a stage took.
type stageTime struct {
	Stage   string  `json:"stage"`
	Seconds float64 `json:"seconds"`
}

// openReport picks the reporter for the output and the terminal. With a state
// folder the events are kept there as run.jsonl.
func openReport(s Streams, output string, dir stateDir) (*runReport, error) {
	r := &runReport{screen: s.screen()}
	switch {
	case output == "json":
		r.show = newJSONReporter(s.Out)
	case s.colour():
		r.live = newLiveReporter(r.screen.w, s.Width)
		r.screen.show(r.live)
		r.show = r.live
	default:
		r.show = newPlainReporter(s.Err)
	}
	if dir == "" {
		return r, nil
	}
	f, err := os.OpenFile(dir.path("run.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		r.close()
		return nil, fmt.Errorf("keep the run's events: %w", err)
	}
	r.file, r.show = f, both{r.show, newJSONReporter(f)}
	return r, nil
}

// Report shows the event and notes what is told at the end of the run: the
// time of each stage, and what could not be looked at.
func (r *runReport) Report(e converge.Event) {
	r.note(e)
	r.show.Report(e)
}

func (r *runReport) note(e converge.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case converge.StageFinished:
		r.stages = append(r.stages, stageTime{e.Stage, e.Elapsed.Round(time.Millisecond).Seconds()})
	case converge.StepHolds, converge.StepChanged:
		r.ended = slices.DeleteFunc(r.ended, func(o ended) bool { return o.subject == e.Subject })
		r.ended = append(r.ended, ended{e.Subject, e.Step})
	case converge.StepUnknown:
		r.blind = append(r.blind, &converge.StepError{Subject: e.Subject, Step: e.Step, Err: e.Err})
	}
}

// notSeen is why steps could not be looked at, or nil.
func (r *runReport) notSeen() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Nodes are looked at side by side; what is told has one order.
	slices.SortStableFunc(r.blind, func(a, b *converge.StepError) int { return strings.Compare(a.Subject, b.Subject) })
	errs := make([]error, len(r.blind))
	for i, e := range r.blind {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// standing is how far each subject came, in the order of the alphabet.
func (r *runReport) standing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, e := range r.ended {
		if e.subject != "" {
			out = append(out, e.subject+" up to "+e.step)
		}
	}
	slices.Sort(out)
	return out
}

func (r *runReport) times() []stageTime {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stages
}

func (r *runReport) close() {
	if r.live != nil {
		r.screen.show(nil)
		r.live.Close()
	}
	if r.file != nil {
		_ = r.file.Close() // a log of events, not a record that anything depends on
	}
}
