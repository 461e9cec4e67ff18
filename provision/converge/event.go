package converge

import (
	"context"
	"time"
)

// Kind says what an Event tells.
type Kind string

// The kinds of events, in the order in which a step goes through them.
const (
	StageStarted  Kind = "stage-started"
	StepStarted   Kind = "step-started"
	StepWaiting   Kind = "step-waiting"   // Message: what is being waited for; Cause: the likely reason if it is long
	StepDiffers   Kind = "step-differs"   // Changes: what would change; the end of a step that is only observed
	StepChanging  Kind = "step-changing"  // Changes: what is being changed now
	StepChanged   Kind = "step-changed"   // applied, and the second look agrees
	StepHolds     Kind = "step-holds"     // nothing to do
	StepUnknown   Kind = "step-unknown"   // Err: could not look
	StepPending   Kind = "step-pending"   // cannot be looked at before an earlier stage has done its work
	StepFailed    Kind = "step-failed"    // Err
	StageFinished Kind = "stage-finished" // Elapsed
)

// Event is something that happened during a run.
type Event struct {
	Time    time.Time
	Kind    Kind
	Stage   string
	Subject string // a node's name, or "" for the cluster
	Step    string
	Message string
	Cause   string
	Changes []Change
	Err     error
	Elapsed time.Duration // since the step or the stage started
}

// Reporter shows events. It is called from several goroutines.
type Reporter interface {
	Report(Event)
}

type waitingKey struct{}

// Waiting tells the run what the current step waits for and, if that is
// already long, what the likely cause is. Outside a run it does nothing.
func Waiting(ctx context.Context, what, cause string) {
	if tell, ok := ctx.Value(waitingKey{}).(func(what, cause string)); ok {
		tell(what, cause)
	}
}

// WithWaiting makes Waiting tell whoever looks on outside of a run.
func WithWaiting(ctx context.Context, tell func(what, cause string)) context.Context {
	return context.WithValue(ctx, waitingKey{}, tell)
}
