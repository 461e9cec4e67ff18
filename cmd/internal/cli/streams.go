package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Streams are the program's connections to the outside.
type Streams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // progress, questions, errors
	// Getenv looks up an environment variable.
	Getenv func(name string) (string, bool)
	// Width is the width of the terminal behind Err, 0 when it is none.
	Width func() int
	// AskSecret reads a line from the terminal without showing it; it is nil
	// where there is none. When ctx ends, the terminal is as it was before.
	AskSecret func(ctx context.Context) ([]byte, error)
}

// System returns the streams of this process.
func System() Streams {
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv, Width: func() int { return widthOf(os.Stderr) }}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		s.AskSecret = askSecret
	}
	return s
}

// askSecret does not wait for the user once ctx has ended, and then shows
// again what is typed.
func askSecret(ctx context.Context) ([]byte, error) {
	terminal := int(os.Stdin.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, fmt.Errorf("look at the terminal: %w", err)
	}
	type result struct {
		secret []byte
		err    error
	}
	line := make(chan result, 1)
	go func() {
		secret, err := term.ReadPassword(terminal)
		line <- result{secret, err}
	}()
	select {
	case r := <-line:
		return r.secret, r.err
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), term.Restore(terminal, before))
	}
}

func widthOf(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
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
}

// screen is the one behind Err.
func (s Streams) screen() *screen {
	if c, ok := s.Err.(*screen); ok {
		return c
	}
	return &screen{w: s.Err}
}

// Write writes to the display if there is one.
func (c *screen) Write(p []byte) (int, error) {
	c.mu.Lock()
	to := c.w
	if c.live != nil {
		to = c.live
	}
	c.mu.Unlock()
	return to.Write(p)
}

// show hands the screen to a display; nil takes it back.
func (c *screen) show(live io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = live
}
