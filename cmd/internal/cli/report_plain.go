package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// plainReporter writes one line an event, for logs and pipes.
type plainReporter struct {
	w io.Writer

	mu      sync.Mutex
	waiting map[string]waitLine // by subject and step
}

type waitLine struct {
	text string
	at   time.Time
}

// repeatWait is how often an unchanged wait is told again, so that a log
// never stays silent for long.
const repeatWait = 10 * time.Second

func newPlainReporter(w io.Writer) *plainReporter {
	return &plainReporter{w: w, waiting: map[string]waitLine{}}
}

// Report writes the event's line, if it is worth one.
func (r *plainReporter) Report(e converge.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case converge.StageStarted:
		fmt.Fprintf(r.w, "%s\n", e.Stage)
	case converge.StepWaiting:
		key := e.Subject + "/" + e.Step
		last := r.waiting[key]
		text := withoutNumbers(e.Message)
		if last.text == text && e.Time.Sub(last.at) < repeatWait {
			return
		}
		r.waiting[key] = waitLine{text, e.Time}
		fmt.Fprintf(r.w, "  %s\n", describe(e))
	case converge.StepDiffers, converge.StepChanging, converge.StepChanged, converge.StepHolds, converge.StepUnknown, converge.StepPending, converge.StepFailed:
		fmt.Fprintf(r.w, "  %s\n", describe(e))
	}
}

// withoutNumbers makes one wait of a message that only counts on, such as the
// progress of an upload.
func withoutNumbers(message string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || strings.ContainsRune(barDone+barLeft, r) {
			return -1
		}
		return r
	}, message)
}
