package hardening

import (
	"fmt"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const deepWhen = "with --deep, which walks the machine's own disks"

func deepControls() []Control {
	return []Control{
		{
			ID: "FS-04", Title: "No program runs as its owner but those of Debian's packages", Severity: Medium,
			Why:   "a set-user-ID program of root's that nobody has packaged is how an intruder keeps a way to root",
			Want:  "every set-user-ID and set-group-ID file belongs to a package",
			Refs:  []string{"CIS Debian 12 7.1.13", "CIS Debian 13 7.1.13", "dev-sec os-06", "lynis FILE-6332"},
			When:  deepWhen,
			Needs: []Part{PartSystem}, Check: checkSpecial,
			Advice: "find out whose the file is; `chmod u-s,g-s FILE` where nobody needs it so, or install it from a package",
		},
		{
			ID: "FS-05", Title: "Nothing is writable for everybody, and nothing is nobody's", Severity: Medium,
			Why:   "who writes a file that another one runs is the other one; a file of a deleted account is that of the next who gets its number",
			Want:  "no file that all may write, no such folder without the sticky bit, no file of an unknown user or group",
			Refs:  []string{"CIS Debian 12 7.1.11-12", "CIS Debian 13 7.1.11-12", "lynis FILE-6354"},
			When:  deepWhen,
			Needs: []Part{PartSystem}, Check: checkOpen,
			Advice: "`chmod o-w FILE`, `chmod +t FOLDER`, `chown USER:GROUP FILE` for each that is named",
		},
	}
}

// walked is the walk, or the verdict where there is none to judge.
func walked(f *facts.Facts, p Policy) (*facts.Deep, Verdict) {
	if !p.Deep {
		return nil, Verdict{Status: NotApplicable, Evidence: []string{"looked at with --deep only"}}
	}
	if gap := partGap(f, PartDeep); gap != "" {
		return nil, unknown(gap)
	}
	return f.Deep, Verdict{}
}

// judgeWalk is unknown where a walk without a finding did not see everything.
func judgeWalk(d *facts.Deep, wrong []string) Verdict {
	if len(wrong) == 0 && d.Cut {
		return unknown(fmt.Sprintf("the walk ended after %d paths: there are more than it looks at", d.Paths))
	}
	line := fmt.Sprintf("%d paths, walked %s", d.Paths, time.Unix(d.At, 0).UTC().Format(time.RFC3339))
	if len(wrong) > 0 {
		line = fmt.Sprintf("%d findings in %s", len(wrong), line)
	}
	return decide(wrong, line, "")
}

func checkSpecial(f *facts.Facts, p Policy) Verdict {
	d, none := walked(f, p)
	if d == nil {
		return none
	}
	strange := slices.DeleteFunc(slices.Clone(d.Special), func(s facts.DeepFile) bool { return s.Package != "" })
	return judgeWalk(d, deepLines("of no package", strange))
}

func checkOpen(f *facts.Facts, p Policy) Verdict {
	d, none := walked(f, p)
	if d == nil {
		return none
	}
	return judgeWalk(d, slices.Concat(deepLines("writable for everybody", d.Open), deepLines("nobody's", d.Unowned)))
}

func deepLines(what string, files []facts.DeepFile) []string {
	var out []string
	for _, s := range files {
		out = append(out, fmt.Sprintf("%s: mode %04o, owner %d:%d: %s", s.Path, s.Mode, s.UID, s.GID, what))
	}
	return out
}
