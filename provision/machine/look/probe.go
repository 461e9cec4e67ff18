package look

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// atOnce is how many servers are tried at the same time: a few hundred
// handshakes would take the host's processors away from its work.
const atOnce = 32

// dials tries all servers, many at once.
func dials(ctx context.Context, all []Dial) []DialAnswer {
	answers := make([]DialAnswer, len(all))
	var tries sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for i, d := range all {
		room <- struct{}{}
		tries.Go(func() {
			defer func() { <-room }()
			answers[i] = d.try(ctx)
		})
	}
	tries.Wait()
	return answers
}

// failure is an outcome that the one who found it has named already.
type failure struct {
	outcome Outcome
	err     error
}

// Error is the cause.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

// errSilent is a server that took a request and hung up.
var errSilent = errors.New("closed without an answer")

// try makes one attempt within the time of d.
func (d Dial) try(ctx context.Context) DialAnswer {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.Millis)*time.Millisecond)
	defer cancel()
	var a DialAnswer
	err := d.probe(ctx, &a)
	if errors.Is(err, errSilent) && !d.TLS {
		err = d.silentlyWantsTLS(ctx, &a, err)
	}
	a.Outcome = outcomeOf(err)
	if err != nil {
		a.Err = err.Error()
	}
	a.Millis = int(time.Since(start).Milliseconds())
	return a
}

// probe goes as far as d asks for and fills into a what the server shows.
func (d Dial) probe(ctx context.Context, a *DialAnswer) error {
	dialer := net.Dialer{}
	if d.Source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(d.Source)}
	}
	raw, err := dialer.DialContext(ctx, "tcp", d.Address)
	if err != nil {
		return err
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()
	conn := raw
	if d.TLS {
		if conn, err = d.handshake(ctx, raw, a); err != nil {
			return err
		}
	}
	if d.HTTP {
		return d.get(conn, a)
	}
	return nil
}

// silentlyWantsTLS finds out whether a server that hangs up when it is spoken to
// in the clear would take TLS; err is what it did.
func (d Dial) silentlyWantsTLS(ctx context.Context, a *DialAnswer, err error) error {
	d.TLS, d.HTTP = true, false
	if _ = d.probe(ctx, a); a.Cert != nil {
		return &failure{WantsTLS, fmt.Errorf("%w, and it takes TLS", err)}
	}
	return err
}

func outcomeOf(err error) Outcome {
	var named *failure
	var network net.Error
	switch {
	case err == nil:
		return Answered
	case errors.As(err, &named):
		return named.outcome
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return Unreachable
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return TimedOut
	}
	return Broken
}
