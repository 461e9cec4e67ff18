package chart

import (
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func TestClearingIsDoneOnce(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	var c Clearing
	for _, fine := range [][]Release{nil, {{Version: 1, Status: "deployed"}}, {{Version: 1, Status: "failed"}, {Version: 2, Status: "pending-upgrade"}}} {
		if err := c.Clear(t.Context(), k.API(), traefik, fine); err != nil || len(k.Writes()) > 0 {
			t.Errorf("%v: %v, wrote %v", fine, err, k.Writes())
		}
	}
	given(t, k, 1, "failed", nil)
	failed, open, err := traefik.Standing(t.Context(), k.API(), Status{Conditions: []Condition{{Type: "Failed", Status: "True", Reason: "No", Message: "values"}}})
	if err != nil || failed != "No: values" || len(open) != 1 {
		t.Fatalf("%q, %v, %v", failed, open, err)
	}
	if err := c.Clear(t.Context(), k.API(), traefik, open); err != nil {
		t.Fatal(err)
	}
	writes := len(k.Writes())
	if err := c.Clear(t.Context(), k.API(), traefik, open); err == nil || !strings.Contains(err.Error(), "again after") || len(k.Writes()) != writes {
		t.Errorf("%v, wrote %v", err, k.Writes())
	}
	if failed, open, err := traefik.Standing(t.Context(), k.API(), Status{}); err != nil || failed != "" || len(open) != 0 {
		t.Errorf("%q, %v, %v", failed, open, err)
	}
}

func TestRollout(t *testing.T) {
	t.Parallel()
	for r, want := range map[Rollout]bool{
		{Desired: 2, Updated: 2, Ready: 2}: true, {Desired: 2, Updated: 2, Ready: 1}: false,
		{Desired: 2, Updated: 1, Ready: 2}: false, {Desired: 1, Updated: 1, Ready: 1}: false, {}: false,
	} {
		if got := r.On(2); got != want {
			t.Errorf("%+v on two nodes: %t", r, got)
		}
	}
	pods := []Pod{{Node: "edge-1", Ready: true, Reason: "x"}, {Node: "edge-2", Reason: "pending"}, {Reason: "no room"}}
	if got := Unready(pods); got != "; edge-2: pending; unscheduled: no room" {
		t.Errorf("%q", got)
	}
}
