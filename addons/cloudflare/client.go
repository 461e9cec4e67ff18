package cloudflare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

const (
	address = "https://api.cloudflare.com/client/v4"
	agent   = "k3sedge"
	// perRequest bounds one request, maxAnswer its answer.
	perRequest = time.Minute
	maxAnswer  = 16 << 20
)

// Call is one request.
type Call struct {
	Method string // of a write; reads are GET
	Path   string // below /client/v4
	Query  url.Values
	Body   any // of a write, marshalled as JSON
	// Needs is the permission without which Cloudflare refuses, in the words
	// of its own page, such as "Zone DNS:Edit on example.org".
	Needs string
	// Account owns what is asked for, as far as that is known.
	Account string
}

// Reader looks at Cloudflare and cannot change it.
type Reader interface {
	// Read puts what Cloudflare answers into the pointer, and returns how much
	// more of a list there is.
	Read(ctx context.Context, c Call, into any) (Page, error)
}

// API is Cloudflare where it may be changed.
type API interface {
	Reader
	// Write is sent once. Of an *AwayError nobody knows whether it took effect.
	Write(ctx context.Context, c Call, into any) error
}

// Page says which part of a list an answer holds.
type Page struct {
	Number     int `json:"page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// Settings are what a client needs.
type Settings struct {
	// Token is asked for with each request.
	Token func(context.Context) (inventory.Secret, error)
	// Transport carries the requests; nil is the usual way. The name
	// api.cloudflare.com is asked for whatever it does.
	Transport http.RoundTripper

	pause func(context.Context, time.Duration) bool // of tests
}

// Client is the real API.
type Client struct{ settings Settings }

// New makes a client. Nothing is contacted before the first request.
func New(s Settings) *Client {
	if s.Transport == nil {
		s.Transport = http.DefaultTransport
	}
	if s.pause == nil {
		s.pause = converge.Pause
	}
	return &Client{s}
}

// Read implements Reader.
func (c *Client) Read(ctx context.Context, k Call, into any) (Page, error) {
	k.Method = http.MethodGet
	return c.do(ctx, k, into)
}

// Write implements API.
func (c *Client) Write(ctx context.Context, k Call, into any) error {
	_, err := c.do(ctx, k, into)
	return err
}

// do sends a call, again where that does no harm, and explains what was refused.
func (c *Client) do(ctx context.Context, k Call, into any) (Page, error) {
	token, err := c.settings.Token(ctx)
	if err != nil {
		return Page{}, fmt.Errorf("edge.cloudflare.token: %w", err)
	}
	page, err := c.patiently(ctx, token, k, into)
	var refused *APIError
	if errors.As(err, &refused) && refused.access() {
		return page, c.explain(ctx, token, k, refused)
	}
	return page, err
}

// envelope is around every answer.
type envelope struct {
	Success *bool           `json:"success"`
	Result  json.RawMessage `json:"result"`
	Errors  []note          `json:"errors"`
	Info    Page            `json:"result_info"`
}

type note struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Chain   []note `json:"error_chain"`
}

var errHalf = errors.New("the answer is not whole")

// once sends a call a single time.
func (c *Client) once(ctx context.Context, token inventory.Secret, k Call, into any) (Page, error) {
	limited, cancel := context.WithTimeout(ctx, perRequest)
	defer cancel()
	resp, err := c.send(limited, token, k)
	if err != nil {
		return Page{}, k.away(ctx, err)
	}
	body, err := read(resp)
	if err != nil {
		return Page{}, k.away(ctx, fmt.Errorf("the answer broke off: %w", err))
	}
	var e envelope
	err = json.Unmarshal(body, &e)
	good := resp.StatusCode/100 == 2
	switch {
	case good && (err != nil || e.Success == nil):
		return Page{}, k.away(ctx, errHalf)
	case err != nil:
		e = envelope{} // not the API's own words: a proxy's, or those of Cloudflare's edge
	}
	if !good || !*e.Success {
		return Page{}, k.refusal(resp, e, token)
	}
	if into == nil {
		return e.Info, nil
	}
	if err := json.Unmarshal(e.Result, into); err != nil {
		return Page{}, k.away(ctx, fmt.Errorf("read the answer: %w", err))
	}
	return e.Info, nil
}

func (c *Client) send(ctx context.Context, token inventory.Secret, k Call) (*http.Response, error) {
	var body io.Reader = http.NoBody
	if k.Body != nil {
		data, err := json.Marshal(k.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	target := address + k.Path
	if len(k.Query) > 0 {
		target += "?" + k.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.Method, target, body)
	if err != nil {
		return nil, err
	}
	// A client of net/http would follow redirects, and a transport repeats what
	// it takes for harmless only if it can have the body again.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token.Reveal()))
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", agent)
	if k.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.settings.Transport.RoundTrip(req)
}

func read(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }() // it has been read, or its connection is broken
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("longer than %d bytes", maxAnswer)
	}
	return body, err
}
