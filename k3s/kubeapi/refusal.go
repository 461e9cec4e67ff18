package kubeapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// maxWords is as much of an answer that is no Status as an error shows.
const maxWords = 200

// away is a request without an answer. A cancelled one says why it was cancelled.
func (k call) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &cluster.AwayError{Method: k.method, Path: k.path, Err: err}
}

// refusal is an answer other than success. A server that is starting, or has
// lost its own parts, answers for nobody and is away.
func (k call) refusal(code int, body []byte) error {
	e := &cluster.StatusError{Method: k.method, Path: k.path, Code: code}
	var status struct{ Kind, Reason, Message string }
	if err := json.Unmarshal(body, &status); err == nil && status.Kind == "Status" {
		e.Reason, e.Message = status.Reason, status.Message
	} else {
		e.Message = firstWords(body)
	}
	if e.Message == "" {
		e.Message = http.StatusText(code)
	}
	if k.mayQuoteSecret() {
		e.Message = strings.TrimSpace(e.Reason + " (the server's words are left out: they may quote the Secret)")
	}
	switch code {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &cluster.AwayError{Method: k.method, Path: k.path, Err: e}
	}
	return e
}

// mayQuoteSecret reports whether what the server says may repeat what was sent to it.
func (k call) mayQuoteSecret() bool {
	return len(k.body) > 0 && strings.Contains(k.path, "/secrets/")
}

// firstWords is the first line of an answer that is no Status, such as "404
// page not found", as text.
func firstWords(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(string(body[:min(len(body), maxWords)]), "")), "\n")
	return line
}
