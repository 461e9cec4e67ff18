package cli

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// auditProgress tells of a look at many nodes what is worth telling: on a
// terminal how many have answered and who is slow, in a log the slow ones.
type auditProgress struct {
	streams Streams
	all     int
	started time.Time

	mu      sync.Mutex
	done    int
	running []slowNode
	live    *liveReporter // nil until there is something to show, and where Err is no terminal
}

type slowNode struct {
	name, what, cause string
	since, told       time.Time
}

const (
	quietFor  = 500 * time.Millisecond // a look that is over by then needs no display
	slowAfter = 2 * time.Second
	checkStep = "harden --check"
)

func newAuditProgress(s Streams, all int) *auditProgress {
	return &auditProgress{streams: s, all: all, started: time.Now()}
}

// run shows the progress until the function that it returns is called.
func (p *auditProgress) run() func() {
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		t := time.NewTicker(quietFor / 2)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-t.C:
				p.tick(now)
			}
		}
	})
	return func() {
		close(done)
		ended.Wait()
		p.close()
	}
}

func (p *auditProgress) begin(node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, slowNode{name: node, since: time.Now()})
}

func (p *auditProgress) end(node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.running = slices.DeleteFunc(p.running, func(n slowNode) bool { return n.name == node })
	if p.live != nil {
		p.live.forget(node, checkStep)
	}
}

func (p *auditProgress) waits(node, what, cause string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.find(node); n != nil {
		n.what, n.cause = what, cause
	}
}

// lastWait says for what a node is waited for, or nothing.
func (p *auditProgress) lastWait(node string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.find(node); n != nil && n.what != "" {
		return " (waited for " + n.what + ")"
	}
	return ""
}

func (p *auditProgress) find(node string) *slowNode {
	for i := range p.running {
		if p.running[i].name == node {
			return &p.running[i]
		}
	}
	return nil
}

// tick tells what there is to tell now.
func (p *auditProgress) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.started) < quietFor {
		return
	}
	if p.streams.colour() {
		p.draw(now)
		return
	}
	for i := range p.running {
		n := &p.running[i]
		if lasted := now.Sub(n.since); lasted >= slowAfter && now.Sub(n.told) >= repeatWait {
			n.told = now
			fmt.Fprintf(p.streams.Err, "  %s\n", describe(n.event(converge.StepWaiting, lasted)))
		}
	}
}

// draw gives the moving lines what they show: one for all, and one for each slow node.
func (p *auditProgress) draw(now time.Time) {
	if p.live == nil {
		screen := p.streams.screen()
		p.live = newLiveReporter(screen.w, p.streams.Width)
		screen.show(p.live)
		p.live.Report(converge.Event{Kind: converge.StepStarted, Step: checkStep, Time: p.started})
	}
	p.live.Report(converge.Event{Kind: converge.StepWaiting, Step: checkStep, Message: fmt.Sprintf("%d of %s", p.done, counted(p.all, "node", "nodes"))})
	for i := range p.running {
		n := &p.running[i]
		lasted := now.Sub(n.since)
		if lasted < slowAfter {
			continue
		}
		if n.told.IsZero() {
			n.told = now
			p.live.Report(n.event(converge.StepStarted, lasted))
		}
		p.live.Report(n.event(converge.StepWaiting, lasted))
	}
}

func (n slowNode) event(kind converge.Kind, lasted time.Duration) converge.Event {
	what := n.what
	if what == "" {
		what = "its answer"
	}
	return converge.Event{Kind: kind, Time: n.since, Subject: n.name, Step: checkStep, Message: what, Cause: n.cause, Elapsed: lasted}
}

// close takes the moving lines off the screen.
func (p *auditProgress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != nil {
		p.streams.screen().show(nil)
		p.live.Close()
	}
}
