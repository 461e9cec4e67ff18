package cloudflare

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

const (
	// tries bounds how often a read is sent, and how often a limit is waited for.
	tries = 4
	// firstPause is waited before a read is sent again; it doubles.
	firstPause = 500 * time.Millisecond
	// window is how long Cloudflare refuses a client that was too quick;
	// longer is never waited.
	window   = 5 * time.Minute
	briefly  = 10 * time.Second
	tooQuick = 971 // the code that comes in place of 429 at times
)

// patiently waits where Cloudflare asks for it, and sends reads again that
// failed on the way. A write is sent again only if it was surely not taken.
func (c *Client) patiently(ctx context.Context, token inventory.Secret, k Call, into any) (Page, error) {
	pause := firstPause
	for try := 1; ; try++ {
		page, err := c.once(ctx, token, k, into)
		wait, why := time.Duration(0), ""
		var refused *APIError
		switch {
		case err == nil || try == tries || ctx.Err() != nil:
			return page, err
		case errors.As(err, &refused) && refused.limited():
			wait = min(cmp.Or(refused.wait, briefly), window)
			why = fmt.Sprintf("Cloudflare to take requests again, in %s", wait)
		case k.Method == http.MethodGet && passing(err):
			wait, why = pause, "Cloudflare to answer"
			pause *= 2
		default:
			return page, err
		}
		converge.Waiting(ctx, why, "Cloudflare allows 1200 requests in five minutes to all that use the same account; or it has trouble, see https://www.cloudflarestatus.com")
		if !c.settings.pause(ctx, wait) {
			return page, err
		}
	}
}

// limited reports that the request was refused for the number of requests.
func (e *APIError) limited() bool {
	return e.Status == http.StatusTooManyRequests || e.Code == tooQuick
}

// passing reports trouble that tends to go away by itself.
func passing(err error) bool {
	var refused *APIError
	if errors.As(err, &refused) {
		return refused.Status >= http.StatusInternalServerError
	}
	return Away(err) && !stranger(err)
}

// stranger reports that somebody answered whose certificate is not Cloudflare's.
func stranger(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

// retryAfter is how long Cloudflare wants to be left alone, or 0.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return 0
	}
	return time.Duration(min(seconds, int(window/time.Second))) * time.Second
}
