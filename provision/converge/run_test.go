package converge

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// world is what the steps of these tests look at and change.
type world struct {
	mu    sync.Mutex
	state map[string]string
	wrote []string
}

func (w *world) get(key string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state[key]
}

type looker interface{ get(string) string }

// set is a step that wants key to be value.
type set struct {
	key, value      string
	checkErr        error
	applyErr        error
	doesNothing     bool
	beforeCheckOnce func()
}

func (s set) ID() string { return "set/" + s.key }

func (s set) Check(_ context.Context, r looker) ([]Change, error) {
	if s.beforeCheckOnce != nil {
		s.beforeCheckOnce()
	}
	if s.checkErr != nil {
		return nil, s.checkErr
	}
	if have := r.get(s.key); have != s.value {
		return []Change{{ID: s.key, Have: have, Want: s.value}}, nil
	}
	return nil, nil
}

func (s set) Apply(_ context.Context, w *world) error {
	if s.applyErr != nil {
		return s.applyErr
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrote = append(w.wrote, s.key)
	if !s.doesNothing {
		w.state[s.key] = s.value
	}
	return nil
}

// log keeps events for comparison.
type log struct {
	mu     sync.Mutex
	events []Event
}

func (l *log) Report(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) kinds(step string) []Kind {
	var out []Kind
	for _, e := range l.events {
		if e.Step == step {
			out = append(out, e.Kind)
		}
	}
	return out
}

func steps(s ...set) []Step[looker, *world] {
	var out []Step[looker, *world]
	for _, x := range s {
		out = append(out, x)
	}
	return out
}

func TestBindConvergesAndASecondRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := &world{state: map[string]string{"b": "2"}}
	stage := Stage{Name: "s", Tracks: []Track{Bind[looker]("n1", w, w, steps(set{key: "a", value: "1"}, set{key: "b", value: "2"})...)}}
	for i, want := range []Result{{Changed: 1, Holds: 1}, {Holds: 2}} {
		l := &log{}
		got, err := Run(t.Context(), nil, l, stage)
		if err != nil || got != want {
			t.Errorf("run %d: %+v, %v, want %+v", i+1, got, err, want)
		}
	}
	if !slices.Equal(w.wrote, []string{"a"}) {
		t.Errorf("wrote %v, want only a, once", w.wrote)
	}
}

func TestEventsOfAStepInOrder(t *testing.T) {
	t.Parallel()
	w := &world{state: map[string]string{}}
	l := &log{}
	if _, err := Run(t.Context(), nil, l, Stage{Name: "s", Tracks: []Track{Bind[looker]("n", w, w, steps(set{key: "a", value: "1"})...)}}); err != nil {
		t.Fatal(err)
	}
	if got, want := l.kinds("set/a"), []Kind{StepStarted, StepChanging, StepChanged}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if first, last := l.events[0].Kind, l.events[len(l.events)-1].Kind; first != StageStarted || last != StageFinished {
		t.Errorf("run begins with %s and ends with %s", first, last)
	}
}

func TestObserveNeverWrites(t *testing.T) {
	t.Parallel()
	w := &world{state: map[string]string{}}
	gone := errors.New("no route")
	got, err := Run(t.Context(), nil, &log{},
		Stage{Name: "machines", Tracks: []Track{Observe("n1", looker(w), steps(set{key: "a", value: "1"})...), Observe("n2", looker(w), steps(set{key: "x"})...)}},
		Stage{Name: "harden", Tracks: []Track{Observe("n1", looker(w), steps(set{key: "b", checkErr: gone})...), Observe("n2", looker(w), steps(set{key: "c", checkErr: gone})...)}})
	want := Result{Differs: 1, Holds: 1, Pending: 1, Unknown: 1}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v: n1's second look waits for the first, n2's is unknown", got, err, want)
	}
	if len(w.wrote) > 0 {
		t.Errorf("a plan wrote %v", w.wrote)
	}
}

func TestFailuresEndTheRunAfterTheirStage(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		step set
		want error
	}{
		"could not look":      {set{key: "a", checkErr: boom}, boom},
		"apply fails":         {set{key: "a", value: "1", applyErr: boom}, boom},
		"second look differs": {set{key: "a", value: "1", doesNothing: true}, ErrNotConverged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{state: map[string]string{}}
			got, err := Run(t.Context(), nil, &log{},
				Stage{Name: "one", Tracks: []Track{Bind[looker]("n1", w, w, steps(tc.step, set{key: "after", value: "1"})...), Bind[looker]("n2", w, w, steps(set{key: "other", value: "1"})...)}},
				Stage{Name: "two", Tracks: []Track{Bind[looker]("n1", w, w, steps(set{key: "never", value: "1"})...)}})
			if !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			var failed *StepError
			if !errors.As(err, &failed) || failed.Place() != "n1: set/a" || err.Error() != "n1: set/a: "+failed.Err.Error() {
				t.Errorf("the error does not say where: %v", err)
			}
			if got.Failed != 1 || got.Changed != 1 {
				t.Errorf("result %+v: the other track of the stage finishes, nothing else runs", got)
			}
			if slices.Contains(w.wrote, "never") || slices.Contains(w.wrote, "after") {
				t.Errorf("went on after a failure: %v", w.wrote)
			}
		})
	}
}

func TestStopFinishesTheStepThatRuns(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	w := &world{state: map[string]string{}}
	var once sync.Once
	first := set{key: "a", value: "1", beforeCheckOnce: func() { once.Do(func() { close(stop) }) }}
	_, err := Run(t.Context(), stop, &log{}, Stage{Name: "s", Tracks: []Track{Bind[looker]("n", w, w, steps(first, set{key: "b", value: "2"})...)}})
	if !errors.Is(err, ErrStopped) {
		t.Errorf("error %v, want ErrStopped", err)
	}
	if !slices.Equal(w.wrote, []string{"a"}) {
		t.Errorf("wrote %v, want the running step and no other", w.wrote)
	}
}

func TestACancelledPlanIsAnError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &world{state: map[string]string{}}
	_, err := Run(ctx, nil, &log{}, Stage{Name: "s", Tracks: []Track{Observe("n", looker(w), steps(set{key: "a", checkErr: context.Canceled})...)}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestWaitTellsStateCauseAndLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		ctx := WithWaiting(t.Context(), func(what, cause string) { told = append(told, what+"|"+cause) })
		looks := 0
		err := Wait{What: "sshd", Every: time.Second, Limit: time.Minute, Cause: "no image"}.Until(ctx, func(context.Context) (bool, string, error) {
			looks++
			return false, "refused", nil
		})
		if !errors.Is(err, context.DeadlineExceeded) && (err == nil || err.Error() != "wait for sshd (refused): not within 1m0s") {
			t.Errorf("error %v", err)
		}
		if looks < 5 || looks > 15 {
			t.Errorf("%d looks in a minute, want a back-off", looks)
		}
		if told[0] != "sshd (refused)|" || told[len(told)-1] != "sshd (refused)|no image" {
			t.Errorf("told %q: the cause comes only when it takes long", told)
		}
	})
}

func TestAGentleWaitLooksAtMostHalfTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		_ = Wait{What: "a slow host", Every: time.Second, Limit: 55 * time.Second, Gently: true}.Until(t.Context(), func(context.Context) (bool, string, error) {
			looks++
			Pause(t.Context(), 10*time.Second)
			return false, "", nil
		})
		if looks != 3 {
			t.Errorf("%d looks of ten seconds in 55, want 3", looks)
		}
	})
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	for name, tc := range map[string]struct {
		ctx   context.Context
		holds func(context.Context) (bool, string, error)
		want  error
	}{
		"holds":     {t.Context(), func(context.Context) (bool, string, error) { return true, "", nil }, nil},
		"error":     {t.Context(), func(context.Context) (bool, string, error) { return false, "", broken }, broken},
		"cancelled": {cancelled, func(ctx context.Context) (bool, string, error) { return false, "", ctx.Err() }, broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := (Wait{What: "it", Every: time.Hour}).Until(tc.ctx, tc.holds); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}
