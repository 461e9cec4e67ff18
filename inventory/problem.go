package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing to correct in one file.
type Problem struct {
	File string
	Line int    // counts from 1; 0 where a file could not be read at all
	Path string // of the field, such as nodes[1].address; "" for the whole file
	// Message says what is wrong. It never repeats a value that may be a secret.
	Message string
	Hint    string // how to mend it, or ""

	cause error
}

// Error prints file, line, path and message; the hint is left to the caller.
func (p Problem) Error() string {
	s := p.File + ": "
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d: ", p.File, p.Line)
	}
	if p.Path != "" {
		s += p.Path + ": "
	}
	return s + p.Message
}

// Unwrap returns the error behind the problem, if there is one.
func (p Problem) Unwrap() error { return p.cause }

// Problems are all that is wrong with a project, sorted by file and line.
type Problems []Problem

// Error prints one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps {
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems one by one, for errors.Is and errors.As.
func (ps Problems) Unwrap() []error {
	errs := make([]error, 0, len(ps))
	for _, p := range ps {
		errs = append(errs, p)
	}
	return errs
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
}

// asError returns the sorted problems, or nil where there are none: a nil
// Problems inside an error would not be a nil error.
func (ps Problems) asError() error {
	if len(ps) == 0 {
		return nil
	}
	ps.sort()
	return ps
}

// findings collects the problems of one file and knows where its fields stand.
type findings struct {
	file     string
	lines    map[string]int  // by path
	broken   map[string]bool // paths whose value could not be decoded
	around   map[string]bool // paths in which one of those stands
	problems Problems
}

func newFindings(file string) *findings {
	return &findings{file: file, lines: map[string]int{}, broken: map[string]bool{}, around: map[string]bool{}}
}

// at adds a problem on a line that is known.
func (f *findings) at(line int, path, message, hint string) {
	f.problems = append(f.problems, Problem{File: f.file, Line: max(line, 1), Path: path, Message: message, Hint: hint})
}

// add adds a problem of the field at path. It says nothing where decoding has
// complained already, because the zero value that was left behind is not what
// the user wrote.
func (f *findings) add(path, message, hint string) {
	if f.isBroken(path) {
		return
	}
	f.problems = append(f.problems, Problem{File: f.file, Line: f.line(path), Path: path, Message: message, Hint: hint})
}

// check adds a problem unless ok, and returns ok.
func (f *findings) check(ok bool, path, message, hint string) bool {
	if !ok {
		f.add(path, message, hint)
	}
	return ok
}

// tell adds a problem unless there is no fault, and returns whether there is none.
func (f *findings) tell(path string, wrong *fault) bool {
	if wrong != nil {
		f.add(path, wrong.message, wrong.hint)
	}
	return wrong == nil
}

// checkWord adds a problem where value is none of the words, and returns
// whether it is one. What was left out is not looked at.
func (f *findings) checkWord(path, value string, words ...string) bool {
	if value == "" || slices.Contains(words, value) {
		return true
	}
	hint := "write one of these, or leave it out for the default"
	if near := Nearest(value, words); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	f.add(path, "not one of "+strings.Join(words, ", "), hint)
	return false
}

// require adds a problem where there is no value, and returns whether there is one.
func (f *findings) require(given bool, path, hint string) bool {
	return f.check(given, path, "is missing", hint)
}

// line returns the line of the field at path or, where it was left out, of
// what it would stand in.
func (f *findings) line(path string) int {
	for {
		if line, ok := f.lines[path]; ok || path == "" {
			return line
		}
		path = parentOf(path)
	}
}

// markBroken notes that the value at path could not be decoded.
func (f *findings) markBroken(path string) {
	f.broken[path] = true
	for path != "" {
		path = parentOf(path)
		f.around[path] = true
	}
}

// isBroken reports whether path, something it stands in or something that
// stands in it could not be decoded.
func (f *findings) isBroken(path string) bool {
	if f.around[path] {
		return true
	}
	for !f.broken[path] {
		if path == "" {
			return false
		}
		path = parentOf(path)
	}
	return true
}

func parentOf(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func indexPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
