package hardening

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// originLines are the lines of the configuration that speak of key.
func originLines(f *facts.Facts, key string) []string {
	var out []string
	for _, o := range f.SSHD.Origins {
		if o.Key == key {
			out = append(out, originLine(o))
		}
	}
	return out
}

func originLine(o facts.Origin) string {
	line := fmt.Sprintf("%s:%d: %s %s", o.File, o.Line, o.Key, o.Value)
	if o.Match != "" {
		line += " (in Match " + o.Match + ")"
	}
	return line
}

// checkPrecedence wants our drop-in to be the first that says anything about a
// managed keyword, and cloud-init not to turn passwords on again.
func checkPrecedence(f *facts.Facts, p Policy) Verdict {
	if !f.SSHD.Valid {
		return unknown("sshd -t: " + f.SSHD.Invalid)
	}
	var wrong []string
	kept := slices.DeleteFunc(keptSettings(f, p), func(s sshSetting) bool { return s.adds })
	for _, s := range kept {
		i := slices.IndexFunc(f.SSHD.Origins, func(o facts.Origin) bool { return o.Match == "" && o.Key == s.key() })
		switch {
		case i < 0:
			wrong = append(wrong, "no file decides "+s.key())
		case f.SSHD.Origins[i].File != sshdDropIn:
			wrong = append(wrong, originLine(f.SSHD.Origins[i]))
		}
	}
	have := fmt.Sprintf("%d of %d managed keywords decided elsewhere", len(wrong), len(kept))
	if cloudInitMayUndo(f) {
		wrong = append(wrong, cloudDropIn+": does not say ssh_pwauth: false")
	}
	return decide(wrong, have, sshdDropIn+" decides every managed keyword")
}

func cloudInitMayUndo(f *facts.Facts) bool {
	return f.Files[cloudConfig].Exists && f.Files[cloudDropIn].Content != cloudText
}

// checkMatches wants every cell of the matrix to agree, and looks into the
// Match blocks too: a block for a user we did not ask for shows in no cell.
func checkMatches(f *facts.Facts, p Policy) Verdict {
	cells, gap := cellsOf(f, p)
	if gap != "" {
		return unknown(gap)
	}
	var wrong []string
	for _, s := range keptSettings(f, p) {
		for _, c := range cells[1:] {
			if !slices.Equal(c.Settings[s.key()], cells[0].Settings[s.key()]) {
				wrong = append(wrong, cellName(c)+": "+shown(s.key(), c.Settings[s.key()]))
			}
		}
	}
	for _, o := range weakMatches(f, p) {
		wrong = append(wrong, originLine(o))
	}
	return decide(wrong, fmt.Sprintf("deviations: %d", len(wrong)), "the same answer for every user from every source")
}

// weakMatches are the lines inside Match blocks that set a managed keyword to
// something else than we want. A block for file transfer alone is let be.
func weakMatches(f *facts.Facts, p Policy) []facts.Origin {
	var out []facts.Origin
	for _, o := range f.SSHD.Origins {
		if o.Match != "" && weakens(f, o, p) && !isTransferOnly(f, o) {
			out = append(out, o)
		}
	}
	return out
}

func weakens(f *facts.Facts, o facts.Origin, p Policy) bool {
	for _, s := range keptSettings(f, p) {
		if s.key() != o.Key {
			continue
		}
		if s.list {
			// Who is let in by a block shows in no cell, and his keys with him.
			return !slices.Equal(strings.Fields(o.Value), []string{s.want})
		}
		return !s.accepts([]string{o.Value})
	}
	return false
}

// isTransferOnly reports whether o stands in a block that forces internal-sftp.
func isTransferOnly(f *facts.Facts, o facts.Origin) bool {
	return slices.ContainsFunc(f.SSHD.Origins, func(other facts.Origin) bool {
		program, _, _ := strings.Cut(other.Value, " ")
		return other.File == o.File && other.Match == o.Match && other.Key == "forcecommand" && program == "internal-sftp"
	})
}

// outranks reports whether line i, outside Match blocks, is read before our
// drop-in, so that it wins. Where ours is not there yet, its place is known.
func outranks(f *facts.Facts, i int) bool {
	o := f.SSHD.Origins[i]
	if ours := slices.IndexFunc(f.SSHD.Origins, func(o facts.Origin) bool { return o.File == sshdDropIn }); ours >= 0 {
		return i < ours
	}
	if path.Dir(o.File) == sshdDropIns {
		return path.Base(o.File) < path.Base(sshdDropIn)
	}
	return i < includeIndex(f)
}

// includeIndex is the line that makes sshd read the drop-ins, or -1. Inside a
// Match block it would not count for everybody.
func includeIndex(f *facts.Facts) int {
	return slices.IndexFunc(f.SSHD.Origins, func(o facts.Origin) bool {
		if o.Key != "include" || o.Match != "" {
			return false
		}
		patterns := strings.Fields(o.Value)
		return slices.Contains(patterns, sshdDropIns+"/*.conf") || slices.Contains(patterns, path.Base(sshdDropIns)+"/*.conf")
	})
}
