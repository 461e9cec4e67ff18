package cli

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// runReport shows a run, keeps its events in a file and its stages' times.
type runReport struct {
	show converge.Reporter
	file *os.File
	live *liveReporter // nil unless Err is a terminal

	mu     sync.Mutex
	stages []stageTime
}

// stageTime is how long a stage took.
type stageTime struct {
	Stage   string  `json:"stage"`
	Seconds float64 `json:"seconds"`
}

// openReport picks the reporter for the output and the terminal. With a state
// folder the events are kept there as run.jsonl.
func openReport(s Streams, output string, dir stateDir) (*runReport, error) {
	r := &runReport{}
	switch {
	case output == "json":
		r.show = newJSONReporter(s.Out)
	case s.colour():
		r.live = newLiveReporter(s.Err, s.Width)
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

// Report shows the event and notes the time of a stage that ends.
func (r *runReport) Report(e converge.Event) {
	if e.Kind == converge.StageFinished {
		r.mu.Lock()
		r.stages = append(r.stages, stageTime{e.Stage, e.Elapsed.Round(time.Millisecond).Seconds()})
		r.mu.Unlock()
	}
	r.show.Report(e)
}

func (r *runReport) times() []stageTime {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stages
}

func (r *runReport) close() {
	if r.live != nil {
		r.live.Close()
	}
	if r.file != nil {
		_ = r.file.Close() // a log of events, not a record that anything depends on
	}
}
