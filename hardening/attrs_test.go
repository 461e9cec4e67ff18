package hardening

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// A mend takes rights away and gives none: tighter modes and groups stay.
func TestOwnersAreTightened(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Stats["/etc/shadow"] = facts.Stat{Kind: facts.KindFile, Mode: 0o604, UID: 7, GID: shadowGroup}
	f.Stats["/etc/gshadow"] = facts.Stat{Kind: facts.KindFile, Mode: 0o666, GID: 7}
	f.Stats["/etc/passwd"] = facts.Stat{Kind: facts.KindLink, Mode: 0o666}
	f.Stats["/etc/shells"] = facts.Stat{Kind: facts.KindFile, Mode: 0o666, Fixed: true} // a transaction with it would be refused whole
	plan := PlanFor(f, p)
	want := []facts.AttrChange{{Path: "/etc/gshadow", Mode: 0o640}, {Path: "/etc/shadow", Mode: 0o600, GID: shadowGroup}}
	if !slices.Equal(plan.Transaction.Attrs, want) || plan.Empty() || len(plan.Blocked) != 0 {
		t.Errorf("plan: %+v", plan)
	}
	i := slices.IndexFunc(Judge(f, p).Findings, func(f Finding) bool { return f.ID == "FS-01" })
	if mend := Judge(f, p).Findings[i].Mend; len(mend) != 3 || !strings.Contains(mend[1], "/etc/passwd is no file or folder but a link") ||
		!strings.Contains(mend[2], "/etc/shells is behind a link") {
		t.Errorf("mend: %q", mend)
	}
}

// Two controls may ask for the same path, and a file that is written anyhow
// comes with its owner.
func TestOwnersOfOnePathAreAsked(t *testing.T) {
	t.Parallel()
	var tx facts.Transaction
	addAttrs(&tx, []facts.AttrChange{{Path: "/etc/a", Mode: 0o640}, {Path: "/etc/b", Mode: 0o600}})
	addAttrs(&tx, []facts.AttrChange{{Path: "/etc/a", Mode: 0o604}})
	tx.Files = []facts.FileChange{{Path: "/etc/b"}}
	withoutWritten(&tx)
	if len(tx.Attrs) != 1 || tx.Attrs[0] != (facts.AttrChange{Path: "/etc/a", Mode: 0o600}) {
		t.Errorf("attrs: %+v", tx.Attrs)
	}
}

func TestOnlyABootMenuThatCanBeReadIsMilder(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	for mode, want := range map[uint32]Severity{0o444: Low, 0o622: Medium} {
		f := hardened(t, p)
		f.Stats[grubConfig] = facts.Stat{Kind: facts.KindFile, Mode: mode}
		i := slices.IndexFunc(Judge(f, p).Findings, func(f Finding) bool { return f.ID == "FS-02" })
		if got := Judge(f, p).Findings[i]; got.Status != Fail || got.Severity != want {
			t.Errorf("%04o: %+v", mode, got)
		}
	}
}
