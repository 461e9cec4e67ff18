package cloudflare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
)

// APIError is a request that Cloudflare answered with a refusal.
type APIError struct {
	Method, Path string
	Status       int    // of HTTP
	Code         int    // of Cloudflare; 0 if it said none
	Message      string // of Cloudflare
	wait         time.Duration
}

// Error gives the request and Cloudflare's own words.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s %s: %s (%d)", e.Method, e.Path, e.Message, cmp.Or(e.Code, e.Status))
}

// AwayError is a request without an answer that could be read. Whether a write
// took effect is not known then.
type AwayError struct {
	Method, Path string
	Err          error
}

// Error gives the request and the cause.
func (e *AwayError) Error() string {
	return fmt.Sprintf("%s %s: Cloudflare does not answer: %v", e.Method, e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *AwayError) Unwrap() error { return e.Err }

// Away reports whether Cloudflare did not answer.
func Away(err error) bool {
	var away *AwayError
	return errors.As(err, &away)
}

// NotFound reports whether Cloudflare said that the thing is not there.
func NotFound(err error) bool {
	var refused *APIError
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}

// uncertain reports that a write may have taken effect or not.
func uncertain(err error) bool { return passing(err) }

// Codes of Cloudflare's.
const (
	codeHeaders   = 6003 // the token is not of a token's form
	codeForbidden = 9109
	codeAuth      = 10000
)

// access reports that it is the token that was refused, whichever of
// Cloudflare's services has said so. A refusal without a code is that of
// somebody in between.
func (e *APIError) access() bool {
	return e.Code != 0 && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) ||
		slices.Contains([]int{codeHeaders, codeForbidden, codeAuth}, e.Code)
}

func (k Call) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return &AwayError{k.Method, k.Path, err}
}

// refusal is what Cloudflare says, without the token if it quotes it.
func (k Call) refusal(resp *http.Response, e envelope, token inventory.Secret) *APIError {
	out := &APIError{Method: k.Method, Path: k.Path, Status: resp.StatusCode, wait: retryAfter(resp.Header),
		Message: "no answer of the API, but " + resp.Status + ", as a proxy gives it or an overloaded Cloudflare"}
	if len(e.Errors) > 0 {
		out.Code, out.Message = e.Errors[0].Code, words(e.Errors)
	}
	if secret := strings.TrimSpace(token.Reveal()); secret != "" {
		out.Message = strings.ReplaceAll(out.Message, secret, token.String())
	}
	return out
}

// words joins what Cloudflare says, and what it says about that.
func words(notes []note) string {
	var out []string
	for _, n := range notes {
		text := strings.TrimSuffix(strings.TrimSpace(n.Message), ".")
		if len(n.Chain) > 0 {
			text += ": " + words(n.Chain)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}
