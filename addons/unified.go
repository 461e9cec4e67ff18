package addons

import (
	"bytes"
	"fmt"
)

// line is one line of a comparison: ' ' on both sides, '-' before, '+' after.
type line struct {
	side byte
	text string
}

// compareLines finds the least that has to be taken away and added.
func compareLines(before, after []string) []line {
	common := inCommon(before, after)
	var out []line
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		switch {
		case before[i] == after[j]:
			out = append(out, line{' ', before[i]})
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			out = append(out, line{'-', before[i]})
			i++
		default:
			out = append(out, line{'+', after[j]})
			j++
		}
	}
	for ; i < len(before); i++ {
		out = append(out, line{'-', before[i]})
	}
	for ; j < len(after); j++ {
		out = append(out, line{'+', after[j]})
	}
	return out
}

// inCommon has at [i][j] how many lines the ends from i and from j on share.
// Objects are short, so that the table of all pairs is small.
func inCommon(before, after []string) [][]int {
	out := make([][]int, len(before)+1)
	for i := range out {
		out[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			out[i][j] = max(out[i+1][j], out[i][j+1])
			if before[i] == after[j] {
				out[i][j] = out[i+1][j+1] + 1
			}
		}
	}
	return out
}

// around is how many lines that are the same are shown about one that is not.
const around = 3

// writeHunks writes the changes with what stands around them.
func writeHunks(out *bytes.Buffer, lines []line) {
	for start := 0; start < len(lines); {
		first := nextChange(lines, start)
		if first == len(lines) {
			return
		}
		last := first
		for next := nextChange(lines, last+1); next < len(lines) && next-last <= 2*around+1; next = nextChange(lines, last+1) {
			last = next
		}
		from, to := max(start, first-around), min(len(lines), last+around+1)
		writeHunk(out, lines, from, to)
		start = to
	}
}

func nextChange(lines []line, from int) int {
	for from < len(lines) && lines[from].side == ' ' {
		from++
	}
	return from
}

func writeHunk(out *bytes.Buffer, lines []line, from, to int) {
	beforeStart, afterStart := count(lines[:from])
	before, after := count(lines[from:to])
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(beforeStart, before), span(afterStart, after))
	for _, l := range lines[from:to] {
		fmt.Fprintf(out, "%c%s\n", l.side, l.text)
	}
}

// count is how many lines there are on each side.
func count(lines []line) (before, after int) {
	for _, l := range lines {
		if l.side != '+' {
			before++
		}
		if l.side != '-' {
			after++
		}
	}
	return before, after
}

// span is a range of lines in the way of diff: an empty one is named by the
// line before it.
func span(skipped, lines int) string {
	if lines == 0 {
		return fmt.Sprintf("%d,0", skipped)
	}
	return fmt.Sprintf("%d,%d", skipped+1, lines)
}
