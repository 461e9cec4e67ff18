package hardening

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// checkBoot wants the next boot to load what runs now.
func checkBoot(f *facts.Facts, p Policy) Verdict {
	if f.Firewall.Wanted == nil {
		return unknown("the agent could not try the wanted ruleset")
	}
	var wrong []string
	u := f.Units[nftUnit]
	if !isEnabled(u) {
		wrong = append(wrong, fmt.Sprintf("%s: %s", nftUnit, stateOf(u)))
	}
	if u.State != facts.UnitNotFound && u.ExecStart != nftStart {
		wrong = append(wrong, fmt.Sprintf("%s: ExecStart=%s", nftUnit, u.ExecStart))
	}
	if !includesFolder(f.Files[nftConfig].Content) {
		wrong = append(wrong, fmt.Sprintf("%s: does not include %s", nftConfig, nftFolder))
	}
	for _, l := range linesLike(f, ownTable) {
		wrong = append(wrong, fmt.Sprintf("%s:%d: %s", l.file, l.number, l.text))
	}
	if f.Files[rulesetFile].Content != p.Ruleset {
		wrong = append(wrong, rulesetFile+": not the wanted ruleset")
	}
	for _, name := range looseBootFiles(f) {
		wrong = append(wrong, modeLine(f, name))
	}
	if equal, _ := firewall.Equal(f.Firewall.Wanted, f.Firewall.Own); !equal {
		wrong = append(wrong, "kernel: another table inet k3sedge than the next boot will load")
	}
	return decide(wrong, fmt.Sprintf("gaps: %d", len(wrong)), nftUnit+" enabled, and its file makes the table that runs")
}

// mendBoot enables the unit and does not start it: the running table comes by
// the transaction, and starting would load whatever else the file says.
func mendBoot(f *facts.Facts, p Policy) Mend {
	var m Mend
	u := f.Units[nftUnit]
	if u.State == facts.UnitNotFound {
		return Mend{Blocked: []string{"nftables is not installed: run `apt-get install nftables` on " + p.Node}}
	}
	if !isEnabled(u) {
		m.Units = []facts.UnitChange{{Name: nftUnit, Action: "enable"}}
	}
	if u.ExecStart != nftStart {
		m.Blocked = append(m.Blocked, fmt.Sprintf("%s has ExecStart=%s: run `systemctl cat %s` and take out what makes it other than %s", nftUnit, u.ExecStart, nftUnit, nftStart))
	}
	if !includesFolder(f.Files[nftConfig].Content) {
		m.replaceConfig(f)
	}
	for _, l := range linesLike(f, ownTable) {
		m.Blocked = append(m.Blocked, fmt.Sprintf("take `%s` out of %s:%d: that table is k3sedge's", l.text, l.file, l.number))
	}
	runs, _ := firewall.Equal(f.Firewall.Wanted, f.Firewall.Own)
	m.Ruleset = !runs || f.Files[rulesetFile].Content != p.Ruleset
	m.tighten(f)
	return m
}

// looseBootFiles are the files that nftables.service loads as root and that
// somebody else could write.
func looseBootFiles(f *facts.Facts) []string {
	return looseFiles(f, 0o755, func(name string) bool { return name == nftConfig || path.Dir(name) == nftFolder })
}

// tighten makes loose files of ours root's again. Those with rules of the
// user's are his: what is in them need not pass nft's check alone.
func (m *Mend) tighten(f *facts.Facts) {
	for _, name := range looseBootFiles(f) {
		switch {
		case name == rulesetFile:
			m.Ruleset = true // it is written anew, for root only
		case name == nftConfig && flushAll.MatchString(f.Files[name].Content):
			m.replaceConfig(f)
		case name == nftConfig && isSkeleton(f.Files[name].Content):
			m.Files = append(m.Files, facts.FileChange{Path: name, Content: f.Files[name].Content, Mode: 0o755})
		case !slices.ContainsFunc(m.Files, func(c facts.FileChange) bool { return c.Path == name }):
			m.Blocked = append(m.Blocked, fmt.Sprintf("%s: run `chown root:root %s` and `chmod go-w %s`", modeLine(f, name), name, name))
		}
	}
}

// replaceConfig writes /etc/nftables.conf, unless rules of the user's stand in it.
func (m *Mend) replaceConfig(f *facts.Facts) {
	if line, own := ownRules(f.Files[nftConfig].Content); own != "" {
		m.Blocked = append(m.Blocked, fmt.Sprintf("%s:%d: `%s` is a rule of yours: move your rules to a file in %s and leave only `include \"%s/*.nft\"`, without `flush ruleset`",
			nftConfig, line, own, nftFolder, nftFolder))
		return
	}
	m.Files = append(m.Files, facts.FileChange{Path: nftConfig, Content: nftConfigText, Mode: 0o755})
}

// skeleton are the lines of a configuration that decide nothing about any
// packet: Debian's own file has no others.
var skeleton = regexp.MustCompile(`^(|flush ruleset;?|include "[^"]*";?|table \w+ \w+ \{|chain \w+ \{|type filter hook \w+ priority [\w -]+;( policy accept;)?|\})$`)

// ownRules returns the first line that is more than a skeleton, "" for none.
func ownRules(config string) (number int, line string) {
	for i, l := range strings.Split(config, "\n") {
		if l = nftLine(l); !skeleton.MatchString(l) {
			return i + 1, l
		}
	}
	return 0, ""
}

func isSkeleton(config string) bool {
	_, own := ownRules(config)
	return own == ""
}

// nftLine is a line without its comment and with single spaces.
func nftLine(line string) string {
	line, _, _ = strings.Cut(line, "#")
	return strings.Join(strings.Fields(line), " ")
}

func includesFolder(config string) bool {
	return slices.ContainsFunc(strings.Split(config, "\n"), func(line string) bool {
		return strings.TrimSuffix(nftLine(line), ";") == `include "`+nftFolder+`/*.nft"`
	})
}

var (
	flushAll = regexp.MustCompile(`\bflush ruleset\b`) // takes everybody's rules away
	ownTable = regexp.MustCompile(`\binet k3sedge\b`)
)

// bootLine is a line that nftables.service reads, in a file that is not ours alone.
type bootLine struct {
	file   string
	number int
	text   string
}

// linesLike are the lines of /etc/nftables.conf, and of the files beside ours
// that it includes, which say what is looked for.
func linesLike(f *facts.Facts, what *regexp.Regexp) []bootLine {
	var out []bootLine
	for _, file := range slices.Sorted(maps.Keys(f.Files)) {
		if file != nftConfig && path.Dir(file) != nftFolder || file == rulesetFile {
			continue
		}
		for i, line := range strings.Split(f.Files[file].Content, "\n") {
			if line = nftLine(line); what.MatchString(line) {
				out = append(out, bootLine{file, i + 1, line})
			}
		}
	}
	return out
}

// otherManagers are the units that load, and flush, rules of their own.
func otherManagers() []string {
	return []string{"ufw.service", "firewalld.service", "netfilter-persistent.service", "iptables.service", "ip6tables.service"}
}

func checkFlush(f *facts.Facts, _ Policy) Verdict {
	var wrong []string
	for _, l := range linesLike(f, flushAll) {
		wrong = append(wrong, fmt.Sprintf("%s:%d: flush ruleset", l.file, l.number))
	}
	if stop := f.Units[nftUnit].ExecStop; strings.Contains(stop, "flush ruleset") {
		wrong = append(wrong, fmt.Sprintf("%s: ExecStop=%s", nftUnit, stop))
	}
	for _, unit := range otherManagers() {
		if u := f.Units[unit]; isEnabled(u) || isRunning(u) {
			wrong = append(wrong, unitLine(f, unit))
		}
	}
	return decide(wrong, fmt.Sprintf("ways to a flush: %d", len(wrong)), "no `flush ruleset`, no other firewall manager enabled or active")
}

func mendFlush(f *facts.Facts, _ Policy) Mend {
	var m Mend
	for _, l := range linesLike(f, flushAll) {
		if l.file == nftConfig {
			m.replaceConfig(f)
			continue
		}
		m.Blocked = append(m.Blocked, fmt.Sprintf("take `flush ruleset` out of %s:%d", l.file, l.number))
	}
	if strings.Contains(f.Units[nftUnit].ExecStop, "flush ruleset") && differs(f.Files[nftUnitFile], nftUnitText, 0o644) {
		m.Files = append(m.Files, facts.FileChange{Path: nftUnitFile, Content: nftUnitText, Mode: 0o644})
	}
	for _, unit := range otherManagers() {
		switch u := f.Units[unit]; {
		case isEnabled(u), isRunning(u) && u.State != "masked" && u.State != facts.UnitNotFound:
			m.Units = append(m.Units, facts.UnitChange{Name: unit, Action: "disable"})
		case isRunning(u) && u.InTheWay == "":
			m.Units = append(m.Units, facts.UnitChange{Name: unit, Action: "mask"})
		case isRunning(u):
			m.Blocked = append(m.Blocked, fmt.Sprintf("%s runs: run `systemctl stop %s` and take %s away", unit, unit, u.InTheWay))
		}
	}
	return m
}

func isEnabled(u facts.Unit) bool { return u.State == "enabled" }

// stateOf is a unit's state in words.
func stateOf(u facts.Unit) string {
	switch u.State {
	case facts.UnitNotFound:
		return "not installed"
	case "":
		return "without a unit file"
	}
	return u.State
}
