package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const tokensPage = "https://dash.cloudflare.com/profile/api-tokens"

// TokenError is a token that Cloudflare takes for nothing at all.
type TokenError struct{ State string } // such as "has expired"

// Error says what is wrong with the token.
func (e *TokenError) Error() string { return "the Cloudflare token " + e.State }

// PermissionError is a token that is good, but not for this.
type PermissionError struct {
	Needs string // the permission, and on what
	Err   error  // Cloudflare's own words, which do not name it
}

// Error names the permission.
func (e *PermissionError) Error() string { return "the token lacks " + e.Needs }

// Unwrap returns Cloudflare's words.
func (e *PermissionError) Unwrap() error { return e.Err }

// explain finds out why a token was refused. Cloudflare says the same to one
// that is unknown, one that has expired, and one that lacks a permission.
func (c *Client) explain(ctx context.Context, token inventory.Secret, k Call, refused *APIError) error {
	renew := func(state string) error {
		return machine.WithHint(&TokenError{state}, "make a token at %s and put it where edge.cloudflare.token says", tokensPage)
	}
	if refused.Code == codeHeaders {
		return renew("is not of a token's form: it has other characters, or is a global key")
	}
	status, err := c.verify(ctx, token, k)
	var unknown *APIError
	switch {
	case errors.As(err, &unknown) && unknown.access():
		return renew("is not known to Cloudflare, or no longer")
	case err != nil:
		return fmt.Errorf("%w (why could not be found out: %w)", refused, err)
	case status == "expired":
		return renew("has expired")
	case status != "active":
		return renew("is " + status)
	}
	return machine.WithHint(&PermissionError{k.Needs, refused}, "at %s edit the token and add %s", tokensPage, k.Needs)
}

// verify asks for the token's state. Tokens of a user and those of an account
// are known in different places.
func (c *Client) verify(ctx context.Context, token inventory.Secret, k Call) (string, error) {
	places := []string{"/user"}
	if account := k.account(); account != "" {
		places = append(places, "/accounts/"+account)
	}
	var result struct{ Status string }
	var err error
	for _, place := range places {
		ask := Call{Method: http.MethodGet, Path: place + "/tokens/verify"}
		if _, err = c.patiently(ctx, token, ask, &result); err == nil {
			return result.Status, nil
		}
	}
	return "", err
}

// account is that of the call, from what it says or from its path.
func (k Call) account() string {
	if below, ok := strings.CutPrefix(k.Path, "/accounts/"); ok {
		id, _, _ := strings.Cut(below, "/")
		return id
	}
	return k.Account
}
