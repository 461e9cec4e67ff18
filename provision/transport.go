package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// transport is what go-proxmox sends its requests through. The library knows
// only the status line of an error, or not even that; here an answer that is
// no success becomes an error that carries all of it. It also reads every
// body to its end within the time of the request, and repeats what is safe to
// repeat.
type transport struct {
	base    http.RoundTripper
	limit   time.Duration   // for one attempt, body included
	pauses  []time.Duration // before each further attempt
	secrets *strings.Replacer
	reached atomic.Bool // once: before that, an address is wrong rather than busy
}

// maxAnswer is far above any answer of Proxmox that we ask for.
const maxAnswer = 64 << 20

func newTransport(p inventory.Proxmox, token inventory.Secret) (*transport, error) {
	trust, err := tlsConfig(p)
	if err != nil {
		return nil, err
	}
	t := &transport{
		base: &http.Transport{
			TLSClientConfig:     trust,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: 8,
			// Below pveproxy's own 5 s: a change sent just as the server
			// closes its end could not be told from one that was made.
			IdleConnTimeout: 4 * time.Second,
		},
		limit:   60 * time.Second,
		pauses:  []time.Duration{200 * time.Millisecond, 600 * time.Millisecond, 1500 * time.Millisecond},
		secrets: strings.NewReplacer(),
	}
	if token.Reveal() != "" {
		t.secrets = strings.NewReplacer(token.Reveal(), token.String())
	}
	return t, nil
}

// RoundTrip sends the request and returns a success with its whole body, or
// an error.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		res, err := t.once(req)
		if err == nil || attempt == len(t.pauses) || !repeatable(req, err) || neverSent(err) && !t.reached.Load() {
			return res, err
		}
		if !converge.Pause(req.Context(), t.pauses[attempt]) {
			return nil, context.Cause(req.Context())
		}
	}
}

func (t *transport) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), t.limit, fmt.Errorf("%w (%s)", errNoAnswer, t.limit))
	defer cancel()
	res, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, lost(ctx, req, err)
	}
	t.reached.Store(true)
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	_ = res.Body.Close()
	if err != nil {
		return nil, lost(ctx, req, fmt.Errorf("read the answer: %w", err))
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		e := newAPIError(req, res, body)
		e.Message = t.secrets.Replace(e.Message)
		return nil, e
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// lost is a request without an answer: the cause of the caller's end, a trust
// error as it is, or an UnreachableError.
func lost(ctx context.Context, req *http.Request, err error) error {
	if req.Context().Err() != nil {
		return context.Cause(req.Context())
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if isTrustError(err) {
		return err
	}
	return unreachable(req.URL.Host, err)
}

// repeatable says whether a request may be sent again: one that only reads,
// after an error that may pass; any other only if it never left.
func repeatable(req *http.Request, err error) bool {
	if req.Context().Err() != nil || isTrustError(err) {
		return false
	}
	if req.Method != http.MethodGet {
		return neverSent(err) && (req.Body == nil || req.GetBody != nil && rewind(req))
	}
	var api *APIError
	if !errors.As(err, &api) {
		return true
	}
	// PVE says 500 for what is absent, too; asking again does not help.
	return api.Status >= 500 && !absentText.MatchString(api.Message) && !deniedText.MatchString(api.Message)
}

func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

func rewind(req *http.Request) bool {
	body, err := req.GetBody()
	req.Body = body
	return err == nil
}

// boundTo makes the requests of a library call that takes no context end with
// ctx: go-proxmox's uploads use context.Background.
type boundTo struct {
	ctx  context.Context
	base http.RoundTripper
}

// RoundTrip sends the request within b's context.
func (b boundTo) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.base.RoundTrip(req.WithContext(b.ctx))
}

// httpClient follows no redirects: Proxmox sends none, and the token must not
// go anywhere else.
func httpClient(rt http.RoundTripper) *http.Client {
	return &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// bare takes off what net/http wraps around an error of the transport: a URL
// that the error names already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
