package fakekube

import (
	"fmt"
	"net/http"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fault"
)

// Trouble is what goes wrong.
type Trouble string

// The troubles that a Fault can bring. Away cuts the connection before the
// request has an effect, Half after it, in the middle of the answer. Error
// answers with the Fault's status, without an effect. Slow only waits.
const (
	Away  Trouble = "away"
	Half  Trouble = "half"
	Error Trouble = "error"
	Slow  Trouble = "slow"
)

// Fault is a rule: requests that match it go wrong.
type Fault struct {
	// Method and Path (a regular expression on the path) choose the requests;
	// an empty one matches all.
	Method, Path string
	Trouble      Trouble
	// After lets that many matching requests pass first; Count limits how many
	// go wrong then, 0 meaning all.
	After, Count int
	// Delay is waited before a request of any kind of trouble is looked at.
	Delay time.Duration
	// Status (500 if it is 0), Reason, Message and RetryAfter (seconds) are what Error says.
	Status          int
	Reason, Message string
	RetryAfter      int

	match *fault.Match
}

// Fault adds rules. The first that matches a request is used.
func (k *Kube) Fault(rules ...Fault) error {
	for _, f := range rules {
		switch f.Trouble {
		case Away, Half, Error, Slow:
		default:
			return fmt.Errorf("add fault: trouble %q is not known", f.Trouble)
		}
		var err error
		if f.match, err = (fault.Rule{Method: f.Method, Path: f.Path, After: f.After, Count: f.Count}).Compile(); err != nil {
			return err
		}
		k.mu.Lock()
		k.faults = append(k.faults, &f)
		k.mu.Unlock()
	}
	return nil
}

// ClearFaults removes all rules.
func (k *Kube) ClearFaults() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults = nil
}

// faultFor counts a request against the rules and copies the one that applies.
func (k *Kube) faultFor(r *http.Request) Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.faults {
		if f.match.Hit(r.Method, r.URL.Path) {
			return *f
		}
	}
	return Fault{}
}

// refusal is what an Error says.
func (f Fault) refusal() *refusal {
	out := &refusal{Code: f.Status, Reason: f.Reason, Message: f.Message, RetryAfter: f.RetryAfter}
	if out.Code == 0 {
		out.Code = http.StatusInternalServerError
	}
	if out.Message == "" {
		out.Message = "fault injected"
	}
	return out
}
