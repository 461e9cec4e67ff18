package kubeapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

const (
	// address is where a K3s server has the API, seen from itself, as its
	// kubeconfig says too (k3s pkg/server, writeKubeConfig).
	address = "127.0.0.1:6443"
	// maxAnswer is more than any page of a list takes.
	maxAnswer = 64 << 20
	// maxTries and maxPause bound how long an API that is overloaded is asked again.
	maxTries = 5
	maxPause = 10 * time.Second
)

// Client is a cluster.API.
type Client struct {
	transport http.RoundTripper
	close     func()
}

var _ cluster.API = (*Client)(nil)

// New makes a client that connects with its first request. It has to be closed.
func New(c Config) *Client {
	l := newLink(c)
	return &Client{transport: l, close: l.close}
}

// Over makes a client of a transport that has its own way to an API server.
func Over(t http.RoundTripper) *Client { return &Client{transport: t, close: func() {}} }

// Close ends the connection, and the requests that are on it. A closed client
// stays closed.
func (c *Client) Close() error {
	c.close()
	return nil
}

// Get implements cluster.Reader.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.do(ctx, call{method: http.MethodGet, path: path})
}

// Preview implements cluster.Reader.
func (c *Client) Preview(ctx context.Context, o cluster.Object) ([]byte, error) {
	return c.PreviewAs(ctx, cluster.Identity{}, o)
}

// PreviewAs is Preview in the name of somebody else, which the client's own
// rights have to allow. Nothing but a preview is ever sent under another name.
func (c *Client) PreviewAs(ctx context.Context, who cluster.Identity, o cluster.Object) ([]byte, error) {
	k := apply(o, url.Values{"dryRun": {"All"}})
	k.as = who
	return c.do(ctx, k)
}

// Apply implements cluster.API.
func (c *Client) Apply(ctx context.Context, o cluster.Object) error {
	_, err := c.do(ctx, apply(o, url.Values{}))
	return err
}

// Delete implements cluster.API.
func (c *Client) Delete(ctx context.Context, path string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: path, query: url.Values{"propagationPolicy": {"Background"}}})
	if cluster.NotFound(err) {
		return nil
	}
	return err
}

// call is one request; all of ours may be sent twice.
type call struct {
	method, path string
	query        url.Values // beside what path brings
	body         []byte
	as           cluster.Identity
}

func apply(o cluster.Object, query url.Values) call {
	query.Set("fieldManager", cluster.FieldManager)
	query.Set("force", "true")
	return call{method: http.MethodPatch, path: o.Path, query: query, body: o.JSON}
}

// do sends the call, again when the server has too much to do.
func (c *Client) do(ctx context.Context, k call) ([]byte, error) {
	for try := 1; ; try++ {
		resp, err := c.send(ctx, k)
		if err != nil {
			return nil, k.away(ctx, err)
		}
		body, err := read(resp)
		if err != nil {
			return nil, k.away(ctx, fmt.Errorf("the answer broke off: %w", err))
		}
		if resp.StatusCode/100 == 2 {
			return body, nil
		}
		if resp.StatusCode != http.StatusTooManyRequests || try == maxTries {
			return nil, k.refusal(resp.StatusCode, body)
		}
		converge.Waiting(ctx, "the Kubernetes API to take requests again", "")
		if !converge.Pause(ctx, pause(resp.Header)) {
			return nil, k.away(ctx, context.Cause(ctx))
		}
	}
}

func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	u, err := url.Parse("https://" + address + k.path)
	if err != nil || !strings.HasPrefix(k.path, "/") {
		return nil, errors.New("not an absolute path of the API")
	}
	query := u.Query()
	for key, values := range k.query {
		query[key] = values
	}
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, k.method, u.String(), bytes.NewReader(k.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", cluster.FieldManager)
	if k.as.User != "" {
		req.Header.Set("Impersonate-User", k.as.User)
		req.Header["Impersonate-Group"] = k.as.Groups
	}
	if k.method == http.MethodPatch {
		req.Header.Set("Content-Type", "application/apply-patch+yaml")
	}
	return c.transport.RoundTrip(req)
}

func read(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }() // it has been read, or its connection is broken
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("longer than %d bytes", maxAnswer)
	}
	return body, err
}

// pause is how long the server wants to be left alone.
func pause(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 1 {
		seconds = 1
	}
	return min(time.Duration(seconds)*time.Second, maxPause)
}
