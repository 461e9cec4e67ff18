package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Streams are the program's connections to the outside.
type Streams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // progress, questions, errors
	// Getenv looks up an environment variable.
	Getenv func(name string) (string, bool)
	// Now is the clock by which waivers expire and reports are dated.
	Now func() time.Time
	// Width is the width of the terminal behind Err, 0 when it is none.
	Width func() int
	// AskSecret reads a line from the terminal without showing it; it is nil
	// where there is none.
	AskSecret func() ([]byte, error)
	// Restore, if set, is called at the end: after Ctrl-C at a passphrase,
	// the terminal would not show any more what is typed.
	Restore func()
}

// System returns the streams of this process.
func System() Streams {
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv, Now: time.Now, Width: func() int { return widthOf(os.Stderr) }}
	terminal := int(os.Stdin.Fd())
	before, err := terminalState(terminal)
	if err != nil {
		return s // no terminal
	}
	var asking atomic.Bool
	s.AskSecret = func() ([]byte, error) {
		asking.Store(true)
		defer asking.Store(false)
		return askHidden(terminal)
	}
	s.Restore = func() {
		// Only then: a program in the background that sets the terminal is stopped.
		if asking.Load() {
			_ = setTerminal(terminal, before) // a terminal that went away needs no care
		}
	}
	return s
}

func widthOf(f *os.File) int {
	width, err := terminalWidth(int(f.Fd()))
	if err != nil {
		return 0
	}
	if width == 0 {
		return 80 // a terminal that does not say, such as a serial line
	}
	return max(width, 20)
}

// interactive reports whether there is somebody to ask.
func (s Streams) interactive() bool { return s.AskSecret != nil && s.Width() > 0 }

// colour reports whether Err may be coloured and redrawn.
func (s Streams) colour() bool {
	no, _ := s.Getenv("NO_COLOR")
	dumb, _ := s.Getenv("TERM")
	return s.Width() > 0 && no == "" && dumb != "dumb"
}

// screen is Err with a live display on it at times: what is written then goes
// through the display, which would wipe it out otherwise.
type screen struct {
	w io.Writer

	mu   sync.Mutex
	live io.Writer
	open bool // the last line has no end yet: a question
}

// screen is the one behind Err.
func (s Streams) screen() *screen {
	if c, ok := s.Err.(*screen); ok {
		return c
	}
	return &screen{w: s.Err}
}

// Write writes to the display if there is one. Much of what is told comes from
// machines.
func (c *screen) Write(p []byte) (int, error) {
	c.mu.Lock()
	to := c.w
	if c.live != nil {
		to = c.live
	}
	c.open = !bytes.HasSuffix(p, []byte("\n"))
	c.mu.Unlock()
	if _, err := io.WriteString(to, tame(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// tame keeps what a machine says from steering the terminal.
func tame(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// endLine makes the next words begin in a line of their own.
func (c *screen) endLine() {
	c.mu.Lock()
	open := c.open
	c.mu.Unlock()
	if open {
		fmt.Fprintln(c)
	}
}

// show hands the screen to a display; nil takes it back.
func (c *screen) show(live io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = live
}

// cacheDir is where downloads are kept: $XDG_CACHE_HOME/k3sedge, else ~/.cache/k3sedge.
func (s Streams) cacheDir() (string, error) {
	if dir, _ := s.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "k3sedge"), nil
	}
	home, _ := s.Getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", machine.WithHint(errors.New("there is no folder for downloads"), "set HOME or XDG_CACHE_HOME")
	}
	return filepath.Join(home, ".cache", "k3sedge"), nil
}
