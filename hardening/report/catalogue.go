package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/k3sedge/k3sedge/hardening"
)

// control is a control as programs are told of it.
type control struct {
	ID       string             `json:"id"`
	Group    string             `json:"group"`
	Title    string             `json:"title"`
	Severity hardening.Severity `json:"severity"`
	Profile  hardening.Profile  `json:"profile"` // the least that demands it
	Why      string             `json:"why"`
	Want     string             `json:"want"`
	When     string             `json:"when"`
	Conflict string             `json:"conflict"`
	Mended   bool               `json:"mended"` // k3sedge harden brings it about
	Advice   string             `json:"advice"` // what the user does where it does not
	Refs     []string           `json:"refs"`
}

func controlOf(c hardening.Control) control {
	out := control{
		ID: c.ID, Group: groupOf(c.ID), Title: c.Title, Severity: c.Severity, Profile: hardening.Baseline,
		Why: c.Why, Want: c.Want, When: c.When, Conflict: c.Conflict, Mended: c.Mend != nil, Advice: c.Advice, Refs: c.Refs,
	}
	if c.Strict {
		out.Profile = hardening.Strict
	}
	if out.Refs == nil {
		out.Refs = []string{}
	}
	return out
}

// who brings the control about, in words.
func (c control) who() string {
	if c.Mended {
		return "`k3sedge harden` brings it about"
	}
	return "left to you: " + c.Advice
}

// CatalogueFormats are the formats of the catalogue.
func CatalogueFormats() []string { return []string{"text", "json", "markdown"} }

// WriteControls lists the catalogue.
func WriteControls(w io.Writer, format string, all []hardening.Control) error {
	controls := make([]control, len(all))
	for i, c := range all {
		controls[i] = controlOf(c)
	}
	switch format {
	case "json":
		return encode(w, controls)
	case "markdown":
		_, err := io.WriteString(w, catalogueMarkdown(controls))
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSEVERITY\tPROFILE\tMENDED\tTITLE")
	for _, c := range controls {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.ID, c.Severity, c.Profile, c.mended(), c.Title)
	}
	return t.Flush()
}

// Explain tells everything about one control.
func Explain(w io.Writer, format string, c hardening.Control) error {
	d := controlOf(c)
	switch format {
	case "json":
		return encode(w, d)
	case "markdown":
		_, err := io.WriteString(w, d.markdown())
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", d.ID, d.Title)
	for _, f := range d.fields() {
		fmt.Fprintf(&b, "\n%s\n%s\n", f[0], wrap(f[1]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fields are what there is to tell, with a heading each.
func (c control) fields() [][2]string {
	var out [][2]string
	add := func(heading, text string) {
		if text != "" {
			out = append(out, [2]string{heading, text})
		}
	}
	add("Severity", string(c.Severity))
	add("Profile", map[hardening.Profile]string{hardening.Baseline: "baseline and strict", hardening.Strict: "strict only"}[c.Profile])
	add("Wanted", c.Want)
	add("Why", c.Why)
	add("Applies", c.When)
	add("Who mends it", c.who())
	add("Where others disagree", c.Conflict)
	add("The same demand elsewhere", strings.Join(c.Refs, "; "))
	return out
}

// wrap breaks text into indented lines that fit a terminal.
func wrap(text string) string {
	const width, indent = 84, "   "
	var lines []string
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) > width && line != indent {
			lines, line = append(lines, strings.TrimRight(line, " ")), indent
		}
		line += word + " "
	}
	return strings.Join(append(lines, strings.TrimRight(line, " ")), "\n")
}

// catalogueMarkdown is docs/controls.md.
func catalogueMarkdown(all []control) string {
	var b strings.Builder
	b.WriteString("# The controls\n\nWhat k3sedge demands of a node. This page is made of the same values that judge one: `make golden` writes it.\n" +
		"`k3sedge harden explain ID` tells the same on a terminal.\n")
	group := ""
	for _, c := range all {
		if c.Group != group {
			group = c.Group
			b.WriteString(groupMarkdown(all, group))
		}
		b.WriteString("\n" + c.markdown())
	}
	return b.String()
}

// groupMarkdown is the table of one subject.
func groupMarkdown(all []control, group string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n| ID | Severity | Profile | Mended | What holds |\n| --- | --- | --- | --- | --- |\n", groupTitle(group))
	for _, c := range all {
		if c.Group == group {
			fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s | %s |\n", c.ID, strings.ToLower(c.ID), c.Severity, c.Profile, c.mended(), cell(c.Title))
		}
	}
	return b.String()
}

// mended says in a word or two who brings the control about.
func (c control) mended() string {
	if c.Mended {
		return "yes"
	}
	return "by you"
}

func (c control) markdown() string {
	var b strings.Builder
	// The heading is the ID alone, so that its link never changes.
	fmt.Fprintf(&b, "### %s\n\n**%s**\n\n", c.ID, escape(c.Title))
	for _, f := range c.fields() {
		fmt.Fprintf(&b, "- %s: %s\n", f[0], escape(f[1]))
	}
	return b.String()
}

// cell is text that may stand in a table.
func cell(s string) string { return strings.ReplaceAll(escape(s), "|", `\|`) }

// escape keeps Markdown from taking text for its own, outside of `code`.
func escape(s string) string {
	parts := strings.Split(s, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;").Replace(parts[i])
	}
	return strings.Join(parts, "`")
}
