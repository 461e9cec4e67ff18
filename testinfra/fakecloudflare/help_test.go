package fakecloudflare

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
)

// reply is what a client sees.
type reply struct {
	Status  int             `json:"-"`
	Header  http.Header     `json:"-"`
	Result  json.RawMessage `json:"result"`
	Success bool            `json:"success"`
	Errors  []note          `json:"errors"`
	Info    pageInfo        `json:"result_info"`
}

// code is that of the only error, 0 for a success.
func (r reply) code() int {
	if len(r.Errors) == 0 {
		return 0
	}
	return r.Errors[0].Code
}

// client asks as one token.
type client struct {
	t     *testing.T
	r     *Running
	token string
}

func clientOf(t *testing.T, r *Running) client { return client{t, r, TestToken} }

// send makes a request; body is marshalled unless it is nil or text.
func (c client) send(method, path string, body any) (*http.Response, error) {
	c.t.Helper()
	var sent io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		sent = bytes.NewBufferString(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.r.URL+path, sent)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.r.Client().Do(req)
}

// call makes a request that is answered in Cloudflare's form.
func (c client) call(method, path string, body any) reply {
	c.t.Helper()
	res, err := c.send(method, path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	out := reply{Status: res.StatusCode, Header: res.Header}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	if out.Success != (out.Status == http.StatusOK) || out.Success != (len(out.Errors) == 0) {
		c.t.Fatalf("%s %s: status %d, success %t, errors %v", method, path, out.Status, out.Success, out.Errors)
	}
	return out
}

// must is call for what has to succeed, into result if it is not nil.
func (c client) must(method, path string, body, result any) {
	c.t.Helper()
	out := c.call(method, path, body)
	if !out.Success {
		c.t.Fatalf("%s %s: %d %v", method, path, out.Status, out.Errors)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(out.Result, result); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// refused wants a status and a code.
func (c client) refused(method, path string, body any, status, code int) reply {
	c.t.Helper()
	out := c.call(method, path, body)
	if out.Status != status || out.code() != code {
		c.t.Errorf("%s %s: status %d, errors %v, want %d with code %d", method, path, out.Status, out.Errors, status, code)
	}
	return out
}

var zonePath = "/zones/" + hexOf("zone "+TestZone)

const tunnelPath = "/accounts/" + TestAccount + "/cfd_tunnel"

type doc = map[string]any
