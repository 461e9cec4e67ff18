package converge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNotConverged is a step whose Apply succeeded and whose second look still
// differs. It is final: trying again would do the same.
var ErrNotConverged = errors.New("applied, but it still differs")

// Stage is a named part of a run whose tracks go at the same time.
type Stage struct {
	Name   string
	Tracks []Track
	// Joint says that the stage works on what all subjects make together,
	// the cluster: it is pending for as long as any of them differs.
	Joint bool
}

// Result counts how the steps of a run ended.
type Result struct {
	Holds, Changed, Differs, Pending, Unknown, Failed int
}

// Run goes through the stages in order and ends after the first stage in
// which a step failed, with a *StepError for each that did. stop, when closed, lets the
// steps that run finish and begins no other. Tracks made by Observe are only looked at, to the end.
func Run(ctx context.Context, stop <-chan struct{}, reporter Reporter, stages ...Stage) (Result, error) {
	r := run{reporter: reporter, stop: stop, open: map[string]bool{}}
	for _, s := range stages {
		if err := r.stage(ctx, s); err != nil {
			return r.result, err
		}
	}
	return r.result, nil
}

// StepError is a step that failed, and where. Run joins those of one stage.
type StepError struct {
	Subject, Step string // either may be empty
	Err           error
}

// Place names the subject and the step, as far as there are any.
func (e *StepError) Place() string {
	if e.Subject == "" || e.Step == "" {
		return e.Subject + e.Step
	}
	return e.Subject + ": " + e.Step
}

// Error gives the place and the cause.
func (e *StepError) Error() string { return e.Place() + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// ErrStopped is a run that ended early because the user asked for it.
var ErrStopped = errors.New("stopped between two steps, as asked")

type run struct {
	reporter Reporter
	stop     <-chan struct{}

	mu     sync.Mutex
	result Result
	open   map[string]bool // subjects with a difference that was only observed
}

func (r *run) stage(ctx context.Context, s Stage) error {
	started := time.Now()
	r.reporter.Report(Event{Time: started, Kind: StageStarted, Stage: s.Name})
	errs := make([]error, len(s.Tracks))
	var wg sync.WaitGroup
	for i, t := range s.Tracks {
		wg.Go(func() { errs[i] = r.track(ctx, s, t) })
	}
	wg.Wait()
	r.reporter.Report(Event{Time: time.Now(), Kind: StageFinished, Stage: s.Name, Elapsed: time.Since(started)})
	return errors.Join(errs...)
}

func (r *run) track(ctx context.Context, s Stage, t Track) error {
	for _, b := range t.steps {
		if r.stopped() {
			return ErrStopped
		}
		tell := teller{run: r, stage: s.Name, joint: s.Joint, subject: t.subject, step: b.id, started: time.Now()}
		if err := tell.do(WithWaiting(ctx, tell.waiting), b); err != nil {
			return &StepError{Subject: t.subject, Step: b.id, Err: err}
		}
	}
	return nil
}

func (r *run) stopped() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

// teller reports on one step of a run.
type teller struct {
	run                  *run
	stage, subject, step string
	joint                bool
	started              time.Time
}

func (t teller) waiting(what, cause string) {
	t.report(Event{Kind: StepWaiting, Message: what, Cause: cause})
}

func (t teller) report(e Event) {
	e.Time, e.Stage, e.Subject, e.Step = time.Now(), t.stage, t.subject, t.step
	e.Elapsed = e.Time.Sub(t.started)
	t.run.reporter.Report(e)
}

// end counts and reports how the step ended.
func (t teller) end(count *int, e Event) {
	t.run.mu.Lock()
	*count++
	t.run.mu.Unlock()
	t.report(e)
}

func (t teller) do(ctx context.Context, b bound) error {
	res := &t.run.result
	t.report(Event{Kind: StepStarted})
	changes, err := b.check(ctx)
	switch {
	case err != nil && b.apply == nil:
		return t.couldNotLook(ctx, changes, err)
	case err != nil:
		t.end(&res.Failed, Event{Kind: StepFailed, Err: err})
		return err
	case len(changes) == 0:
		t.end(&res.Holds, Event{Kind: StepHolds})
		return nil
	case b.apply == nil:
		t.differs(changes)
		return nil
	}
	t.report(Event{Kind: StepChanging, Changes: changes})
	if err := converge(ctx, b); err != nil {
		t.end(&res.Failed, Event{Kind: StepFailed, Err: err})
		return err
	}
	t.end(&res.Changed, Event{Kind: StepChanged, Changes: changes})
	return nil
}

// differs ends an observed step whose work is left to be done.
func (t teller) differs(changes []Change) {
	t.run.leaveOpen(t.subject)
	t.end(&t.run.result.Differs, Event{Kind: StepDiffers, Changes: changes})
}

// couldNotLook ends an observed step of which a part, or all, was not seen.
// Where an earlier difference of the same subject is still open, the thing to
// look at may not exist yet.
func (t teller) couldNotLook(ctx context.Context, seen []Change, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	waits := t.run.isOpen(t.subject) || t.joint && t.run.anyOpen()
	if len(seen) > 0 {
		t.differs(seen)
	}
	if waits {
		t.end(&t.run.result.Pending, Event{Kind: StepPending, Err: err})
		return nil
	}
	t.end(&t.run.result.Unknown, Event{Kind: StepUnknown, Err: err})
	return nil
}

func converge(ctx context.Context, b bound) error {
	if err := b.apply(ctx); err != nil {
		return err
	}
	left, err := b.check(ctx)
	if err != nil {
		return fmt.Errorf("look again: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: %s is %q, wanted %q", ErrNotConverged, left[0].ID, left[0].Have, left[0].Want)
	}
	return nil
}

// leaveOpen notes that subject has a difference; "" stands for all subjects.
func (r *run) leaveOpen(subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[subject] = true
}

func (r *run) isOpen(subject string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open[subject] || r.open[""]
}

func (r *run) anyOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open) > 0
}
