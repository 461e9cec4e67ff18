package node

import (
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

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

// An alias is nothing of its own: what it stands for is told beside it.
func TestAnAliasComesWithWhatItStandsFor(t *testing.T) {
	t.Parallel()
	for show, want := range map[string]facts.Unit{
		"Id=slim.service\nLoadState=loaded\nUnitFileState=enabled\nActiveState=inactive\n": {State: "enabled", Active: "inactive"},
		"Id=slim.service\nLoadState=masked\nUnitFileState=masked\nActiveState=active\n":    {State: "masked", Active: "active"},
		"Id=slim.service\nLoadState=not-found\nUnitFileState=\nActiveState=inactive\n":     {State: facts.UnitNotFound, Active: "inactive"},
	} {
		w, _ := newLookedAt(t)
		w.answer[showAlias+"sshd.service"] = show
		units, err := w.host().units(t.Context(), askedUnits())
		if err != nil || units["sshd.service"].AliasOf != "slim.service" || units["slim.service"] != want {
			t.Errorf("%q: %+v, %v", show, units, err)
		}
	}
}

func TestAnAliasOfNothingIsNone(t *testing.T) {
	t.Parallel()
	w, _ := newLookedAt(t)
	w.answer[showAlias+"sshd.service"] = "Id=sshd.service\nLoadState=not-found\nUnitFileState=\nActiveState=inactive\n"
	units, err := w.host().units(t.Context(), askedUnits())
	if want := (facts.Unit{State: facts.UnitNotFound, Active: "inactive"}); err != nil || units["sshd.service"] != want {
		t.Errorf("%+v, %v", units["sshd.service"], err)
	}
}

// systemctl mask puts a link where such a file stands, or refuses to.
func TestUnitsThatCannotBeMaskedAreNamed(t *testing.T) {
	t.Parallel()
	w, _ := newLookedAt(t)
	w.put(t, unitDir+"/ssh.service", "[Service]\n")
	w.link(t, "/opt/gone.service", unitDir+"/gone.service")
	w.link(t, "/dev/null", unitDir+"/auditd.service")
	units, err := w.host().units(t.Context(), askedUnits())
	if err != nil {
		t.Fatal(err)
	}
	for name, unit := range units {
		want := ""
		if name == "ssh.service" || name == "gone.service" {
			want = unitDir + "/" + name
		}
		if unit.InTheWay != want {
			t.Errorf("%s: %q in the way of a mask, wanted %q", name, unit.InTheWay, want)
		}
	}
}
