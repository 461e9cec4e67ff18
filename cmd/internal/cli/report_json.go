package cli

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// jsonReporter writes one JSON object a line.
type jsonReporter struct {
	mu  sync.Mutex
	enc *json.Encoder
}

func newJSONReporter(w io.Writer) *jsonReporter {
	return &jsonReporter{enc: json.NewEncoder(w)}
}

// jsonEvent is the public form of an event.
type jsonEvent struct {
	Time    time.Time         `json:"time"`
	Kind    converge.Kind     `json:"kind"`
	Stage   string            `json:"stage"`
	Subject string            `json:"subject,omitempty"`
	Step    string            `json:"step,omitempty"`
	Message string            `json:"message,omitempty"`
	Cause   string            `json:"cause,omitempty"`
	Changes []converge.Change `json:"changes,omitempty"`
	Error   string            `json:"error,omitempty"`
	Hint    string            `json:"hint,omitempty"`
	Seconds float64           `json:"seconds"`
}

// Report writes the event. A reader that has gone away must not end the run.
func (r *jsonReporter) Report(e converge.Event) {
	j := jsonEvent{
		Time: e.Time.UTC(), Kind: e.Kind, Stage: e.Stage, Subject: e.Subject, Step: e.Step,
		Message: e.Message, Cause: e.Cause, Changes: e.Changes, Seconds: e.Elapsed.Seconds(),
	}
	if e.Err != nil {
		j.Error, j.Hint = e.Err.Error(), hintOf(e.Err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.enc.Encode(j)
}

// both reports to two reporters, such as the screen and the run's log.
type both [2]converge.Reporter

// Report hands the event to both.
func (b both) Report(e converge.Event) {
	b[0].Report(e)
	b[1].Report(e)
}
