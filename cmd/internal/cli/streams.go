package cli

import (
	"io"
	"os"

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
	// where there is none.
	AskSecret func() ([]byte, error)
}

// System returns the streams of this process.
func System() Streams {
	s := Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.LookupEnv, Width: func() int { return widthOf(os.Stderr) }}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		s.AskSecret = func() ([]byte, error) { return term.ReadPassword(int(os.Stdin.Fd())) }
	}
	return s
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
