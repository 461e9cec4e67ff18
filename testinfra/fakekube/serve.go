package fakekube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/k3sedge/k3sedge/provision/converge"
)

// errCut is an answer that does not come.
var errCut = errors.New("fakekube: connection cut")

// RoundTrip implements http.RoundTripper: the API without a network.
func (k *Kube) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	reply, err := k.reply(r, body)
	if err != nil {
		return nil, err
	}
	var answer io.Reader = bytes.NewReader(reply.body)
	if reply.half {
		answer = io.MultiReader(bytes.NewReader(reply.body[:len(reply.body)/2]), broken{})
	}
	return &http.Response{StatusCode: reply.code, Status: fmt.Sprintf("%d %s", reply.code, http.StatusText(reply.code)),
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: reply.header, Body: io.NopCloser(answer), ContentLength: -1, Request: r}, nil
}

type broken struct{}

// Read implements io.Reader.
func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// reply is an answer on its way.
type reply struct {
	code   int
	header http.Header
	body   []byte
	half   bool
}

// reply answers a request, or says that its connection is to be cut.
func (k *Kube) reply(r *http.Request, body []byte) (reply, error) {
	fault := k.faultFor(r)
	if fault.Delay > 0 && !converge.Pause(r.Context(), fault.Delay) {
		return reply{}, context.Cause(r.Context())
	}
	if err := r.Context().Err(); err != nil {
		return reply{}, err
	}
	note := Request{Method: r.Method, Path: r.URL.Path, DryRun: r.URL.Query().Has("dryRun")}
	if fault.Trouble == Away {
		k.note(note)
		return reply{}, errCut
	}
	c, answer, err := k.handle(fault, r, body)
	out, problem := render(c, answer, err)
	if problem != nil {
		return reply{}, problem
	}
	out.half = fault.Trouble == Half
	note.Code, note.Changed = out.code, c.changed
	k.note(note)
	k.tell(c)
	return out, nil
}

func (k *Kube) handle(fault Fault, r *http.Request, body []byte) (*call, any, error) {
	if fault.Trouble == Error {
		return &call{}, nil, fault.refusal()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.answer(r, body)
}

func (k *Kube) note(r Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests = append(k.requests, r)
}

// tell lets the test's controller see a change.
func (k *Kube) tell(c *call) {
	k.mu.Lock()
	react := k.react
	k.mu.Unlock()
	if react != nil && c.changed {
		react(c.path, k.Object(c.path))
	}
}

func render(c *call, answer any, err error) (reply, error) {
	out := reply{code: c.code, header: http.Header{"Content-Type": {"application/json"}}}
	var no *refusal
	switch {
	case errors.As(err, &no):
		out.code, answer = no.Code, no.status()
		if no.RetryAfter > 0 {
			out.header.Set("Retry-After", strconv.Itoa(no.RetryAfter))
		}
	case err != nil:
		return reply{}, err
	}
	if text, ok := answer.(string); ok {
		out.header.Set("Content-Type", "text/plain; charset=utf-8")
		out.body = []byte(text)
		return out, nil
	}
	out.body, err = json.Marshal(answer)
	return out, err
}
