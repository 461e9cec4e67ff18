package converge

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// half is a step that saw a difference and could not look at the rest.
type half struct{ set }

func (h half) Check(ctx context.Context, r looker) ([]Change, error) {
	changes, _ := set{key: h.key, value: h.value}.Check(ctx, r)
	return changes, h.checkErr
}

func TestWhatWasSeenIsToldBesideWhatWasNot(t *testing.T) {
	t.Parallel()
	w := &world{state: map[string]string{}}
	step := half{set{key: "a", value: "1", checkErr: errors.New("no permission")}}
	var events log
	result, err := Run(t.Context(), nil, &events, Stage{Name: "s", Tracks: []Track{Observe[looker]("n", w, Step[looker, *world](step))}})
	if err != nil || result != (Result{Differs: 1, Unknown: 1}) {
		t.Errorf("%+v, %v", result, err)
	}
	if got, want := events.kinds("set/a"), []Kind{StepStarted, StepDiffers, StepUnknown}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}

	result, err = Run(t.Context(), nil, &events, Stage{Name: "s", Tracks: []Track{Bind[looker]("n", w, w, Step[looker, *world](step))}})
	if err == nil || result != (Result{Failed: 1}) || len(w.wrote) > 0 {
		t.Errorf("a host that was not wholly seen was changed: %+v, %v, %q", result, err, w.wrote)
	}
}

// The cluster cannot be looked at before its nodes are there; that is no
// failure to look. A node beside one that differs is.
func TestAJointStageIsPendingWhileASubjectDiffers(t *testing.T) {
	t.Parallel()
	blind := errors.New("nobody answers")
	stages := func(w *world, joint bool) []Stage {
		return []Stage{
			{Name: "nodes", Tracks: []Track{Observe[looker]("a", w, Step[looker, *world](set{key: "a", value: "1"}))}},
			{Name: "cluster", Joint: joint, Tracks: []Track{Observe[looker]("c", w, Step[looker, *world](set{key: "c", value: "1", checkErr: blind}))}},
		}
	}
	for name, tt := range map[string]struct {
		have  string
		joint bool
		want  Result
	}{
		"joint, a node differs":     {"", true, Result{Differs: 1, Pending: 1}},
		"joint, all nodes hold":     {"1", true, Result{Holds: 1, Unknown: 1}},
		"not joint, a node differs": {"", false, Result{Differs: 1, Unknown: 1}},
	} {
		w := &world{state: map[string]string{"a": tt.have}}
		result, err := Run(t.Context(), nil, &log{}, stages(w, tt.joint)...)
		if err != nil || result != tt.want {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}
