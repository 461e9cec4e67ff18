package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// liveReporter keeps one moving line for each step that runs, below the lines
// of what is done.
type liveReporter struct {
	w     io.Writer
	width func() int
	done  chan struct{}
	ended sync.WaitGroup

	mu      sync.Mutex
	running []liveStep
	drawn   int // moving lines on the screen
	frame   int
	asking  bool   // a question stands on the screen: nothing moves until its line ends
	kept    string // lines for then
}

type liveStep struct {
	subject, step string
	text          string // what it waits for
	cause         string
	since         time.Time
}

// redraw is the time between two frames: fast enough to look alive, slow
// enough not to burn a core over a serial line.
const redraw = 120 * time.Millisecond

func newLiveReporter(w io.Writer, width func() int) *liveReporter {
	r := &liveReporter{w: w, width: width, done: make(chan struct{})}
	r.ended.Go(r.animate)
	return r
}

func (r *liveReporter) animate() {
	t := time.NewTicker(redraw)
	defer t.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-t.C:
			r.mu.Lock()
			r.frame++
			r.draw("")
			r.mu.Unlock()
		}
	}
}

// Close takes the moving lines off the screen.
func (r *liveReporter) Close() {
	close(r.done)
	r.ended.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running, r.asking = nil, false
	r.draw("")
}

// Write puts the words of others above the moving lines. A line without its
// end is a question, which must not be wiped out before it is answered.
func (r *liveReporter) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = io.WriteString(r.w, r.wipe())
	n, err := r.w.Write(p)
	r.asking = !bytes.HasSuffix(p, []byte("\n"))
	r.draw("")
	return n, err
}

// Report shows the event.
func (r *liveReporter) Report(e converge.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case converge.StageStarted:
		r.draw("\x1b[1m" + e.Stage + "\x1b[0m\n")
	case converge.StepStarted:
		r.running = append(r.running, liveStep{subject: e.Subject, step: e.Step, since: e.Time})
		r.draw("")
	case converge.StepWaiting:
		if s := r.find(e); s != nil {
			s.text, s.cause = firstLine(e.Message), firstLine(e.Cause)
		}
	case converge.StepChanging:
		if s := r.find(e); s != nil {
			s.text = "changing"
		}
		r.draw("  " + mark(e.Kind) + " " + tame(describe(e)) + "\n")
	case converge.StepDiffers, converge.StepChanged, converge.StepHolds, converge.StepUnknown, converge.StepPending, converge.StepFailed:
		r.finish(e)
	}
}

func (r *liveReporter) finish(e converge.Event) {
	r.running = slices.DeleteFunc(r.running, func(s liveStep) bool { return s.subject == e.Subject && s.step == e.Step })
	r.draw("  " + mark(e.Kind) + " " + tame(describe(e)) + "\n")
}

// forget takes a moving line away without a word.
func (r *liveReporter) forget(subject, step string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = slices.DeleteFunc(r.running, func(s liveStep) bool { return s.subject == subject && s.step == step })
}

func mark(k converge.Kind) string {
	switch k {
	case converge.StepChanged, converge.StepHolds:
		return "\x1b[32m✓\x1b[0m"
	case converge.StepFailed:
		return "\x1b[31m✗\x1b[0m"
	case converge.StepUnknown:
		return "\x1b[33m?\x1b[0m"
	case converge.StepPending:
		return "\x1b[33m…\x1b[0m"
	}
	return "\x1b[33m~\x1b[0m"
}

func (r *liveReporter) find(e converge.Event) *liveStep {
	for i := range r.running {
		if r.running[i].subject == e.Subject && r.running[i].step == e.Step {
			return &r.running[i]
		}
	}
	return nil
}

// draw replaces the moving lines by text, which stays, and the moving lines anew.
func (r *liveReporter) draw(text string) {
	r.kept += text
	if r.asking {
		return
	}
	var b strings.Builder
	b.WriteString(r.wipe() + r.kept)
	for _, s := range r.running {
		b.WriteString(r.line(s) + "\n")
	}
	r.drawn, r.kept = len(r.running), ""
	_, _ = io.WriteString(r.w, b.String()) // a terminal that went away must not end the run
}

// wipe takes the moving lines off the screen.
func (r *liveReporter) wipe() string {
	if r.drawn == 0 {
		return ""
	}
	lines := r.drawn
	r.drawn = 0
	return fmt.Sprintf("\x1b[%dA\r\x1b[J", lines)
}

func (r *liveReporter) line(s liveStep) string {
	const frames = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
	glyph, _ := utf8.DecodeRuneInString(frames[3*(r.frame%10):])
	text := fmt.Sprintf("  %c %s", glyph, s.step)
	if s.subject != "" {
		text = fmt.Sprintf("  %c %s: %s", glyph, s.subject, s.step)
	}
	text += " " + seconds(time.Since(s.since))
	if s.text != "" {
		text += "  " + s.text
	}
	if s.cause != "" {
		text += "; likely: " + s.cause
	}
	return cut(text, r.width()-1)
}

// firstLine keeps a moving line one line, whatever a machine says.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return tame(strings.TrimSpace(line))
}

// cut shortens text to width columns, so that a moving line stays one line.
func cut(text string, width int) string {
	runes := []rune(text)
	if width < 2 || len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}
