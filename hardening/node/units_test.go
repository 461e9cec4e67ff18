package node

import "testing"

// systemctl would take these for something else than the name of one unit,
// and what it then does not list is not "not found".
func TestUnitsRefuseWhatIsNotTheNameOfOneUnit(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "ssh", "ssh*.service", "s?h.service", "[s]sh.service", `a\x2d.service`, "getty@tty1.service", "--root=/x.service", "a b.service", "/etc/x.service"} {
		w, _ := newLookedAt(t)
		if units, err := w.host().units(t.Context(), []string{nftablesUnit, name}); err == nil || units != nil {
			t.Errorf("%q: %v, %v", name, units, err)
		}
	}
}

func TestNothingAskedIsNothingAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	units, err := w.host().units(t.Context(), nil)
	packages, err2 := w.host().packages(nil)
	if len(units)+len(packages) > 0 || err != nil || err2 != nil {
		t.Errorf("units %v, %v; packages %v, %v", units, err, packages, err2)
	}
}
