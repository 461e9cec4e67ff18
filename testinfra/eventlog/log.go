package eventlog

import (
	"fmt"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// Log is a converge.Reporter. The empty one is ready.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Report adds a line.
func (l *Log) Report(e converge.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(&l.text, e.Kind, e.Step, e.Message, e.Changes, e.Err)
}

// String is what was told so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
