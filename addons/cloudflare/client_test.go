package cloudflare

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

const canary = "canary-token-that-nobody-may-see-7f3a"

// script answers requests one after the other, and keeps what was asked.
type script struct {
	answers []func() (*http.Response, error)
	asked   []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.Method+" "+strings.TrimPrefix(r.URL.String(), address))
	if len(s.answers) == 0 {
		return nil, errors.New("nothing more was expected")
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next()
}

func answer(status int, body string, header ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		r := &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r, nil
	}
}

func ok(result string) func() (*http.Response, error) {
	return answer(200, `{"success":true,"errors":[],"result":`+result+`}`)
}

func refused(status, code, message string) func() (*http.Response, error) {
	n := map[string]int{"400": 400, "401": 401, "403": 403, "404": 404, "429": 429}[status]
	return answer(n, `{"success":false,"result":null,"errors":[{"code":`+code+`,"message":"`+message+`"}]}`, "Retry-After", "7")
}

func broken() (*http.Response, error) { return nil, errors.New("connection reset") }

// paused makes a client whose pauses only are counted.
func paused(s *script, pauses *[]time.Duration) *Client {
	return New(Settings{
		Token:     func(context.Context) (inventory.Secret, error) { return inventory.NewSecret(canary), nil },
		Transport: s,
		pause:     func(_ context.Context, d time.Duration) bool { *pauses = append(*pauses, d); return true },
	})
}

func TestWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	half := answer(200, `{"success":true,"result":"x`)
	html := answer(502, "<html>bad gateway</html>")
	for name, tc := range map[string]struct {
		write   bool
		answers []func() (*http.Response, error)
		asked   int
		pauses  []time.Duration
		fails   bool
	}{
		"a limit, and its time":        {false, []func() (*http.Response, error){refused("429", "971", "slow down"), ok(`"x"`)}, 2, []time.Duration{7 * time.Second}, false},
		"a limit of a write":           {true, []func() (*http.Response, error){refused("429", "971", "slow down"), ok(`"x"`)}, 2, []time.Duration{7 * time.Second}, false},
		"a limit by its code":          {false, []func() (*http.Response, error){answer(200, `{"success":false,"errors":[{"code":971,"message":"wait"}]}`), ok(`"x"`)}, 2, []time.Duration{briefly}, false},
		"a limit for an hour":          {false, []func() (*http.Response, error){answer(429, "", "Retry-After", "3600"), ok(`"x"`)}, 2, []time.Duration{window}, false},
		"a limit that stays":           {false, slices.Repeat([]func() (*http.Response, error){refused("429", "971", "slow down")}, tries), tries, slices.Repeat([]time.Duration{7 * time.Second}, tries-1), true},
		"a read that broke":            {false, []func() (*http.Response, error){broken, html, half, ok(`"x"`)}, 4, []time.Duration{firstPause, 2 * firstPause, 4 * firstPause}, false},
		"a read that goes on breaking": {false, slices.Repeat([]func() (*http.Response, error){html}, tries), tries, []time.Duration{firstPause, 2 * firstPause, 4 * firstPause}, true},
		"a write that broke":           {true, []func() (*http.Response, error){broken}, 1, nil, true},
		"a write with half an answer":  {true, []func() (*http.Response, error){half}, 1, nil, true},
		"a write that met a 5xx":       {true, []func() (*http.Response, error){html}, 1, nil, true},
		"what was refused":             {false, []func() (*http.Response, error){refused("404", "1003", "not found")}, 1, nil, true},
	} {
		s, pauses := &script{answers: tc.answers}, []time.Duration(nil)
		c, told := paused(s, &pauses), 0
		ctx := converge.WithWaiting(t.Context(), func(string, string) { told++ })
		var out string
		var err error
		if tc.write {
			err = c.Write(ctx, Call{Method: "POST", Path: "/x", Body: 1}, &out)
		} else {
			_, err = c.Read(ctx, Call{Path: "/x"}, &out)
		}
		if len(s.asked) != tc.asked || !slices.Equal(pauses, tc.pauses) || (err != nil) != tc.fails || told != len(pauses) || err == nil && out != "x" {
			t.Errorf("%s: %d requests, pauses %v, %d told, %q, %v", name, len(s.asked), pauses, told, out, err)
		}
	}
}

func TestWhyATokenIsRefused(t *testing.T) {
	t.Parallel()
	denied := refused("403", "10000", "Authentication error")
	unknown := refused("401", "1000", "Invalid API Token")
	for name, tc := range map[string]struct {
		answers []func() (*http.Response, error)
		account string
		want    string
	}{
		"lacks":         {[]func() (*http.Response, error){denied, ok(`{"status":"active"}`)}, "", "the token lacks Zone DNS:Edit on lab.test"},
		"lacks, by 401": {[]func() (*http.Response, error){refused("401", "9109", "x"), ok(`{"status":"active"}`)}, "", "the token lacks Zone DNS:Edit on lab.test"},
		"of an account": {[]func() (*http.Response, error){denied, unknown, ok(`{"status":"active"}`)}, "acc", "the token lacks Zone DNS:Edit on lab.test"},
		"expired":       {[]func() (*http.Response, error){denied, ok(`{"status":"expired"}`)}, "", "the Cloudflare token has expired"},
		"disabled":      {[]func() (*http.Response, error){denied, ok(`{"status":"disabled"}`)}, "", "the Cloudflare token is disabled"},
		"unknown":       {[]func() (*http.Response, error){denied, unknown, unknown}, "acc", "the Cloudflare token is not known to Cloudflare, or no longer"},
		"not a token":   {[]func() (*http.Response, error){refused("400", "6003", "Invalid request headers")}, "", "the Cloudflare token is not of a token's form: it has other characters, or is a global key"},
	} {
		s, pauses := &script{answers: tc.answers}, []time.Duration(nil)
		_, err := paused(s, &pauses).Read(t.Context(), Call{Path: "/x", Needs: "Zone DNS:Edit on lab.test", Account: tc.account}, nil)
		var hint interface{ Hint() string }
		if err == nil || err.Error() != tc.want || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), tokensPage) || len(s.answers) > 0 {
			t.Errorf("%s: %v, asked %v", name, err, s.asked)
		}
	}
	s, pauses := &script{answers: []func() (*http.Response, error){denied, refused("404", "7003", "gone")}}, []time.Duration(nil)
	if _, err := paused(s, &pauses).Read(t.Context(), Call{Path: "/x"}, nil); err == nil || !strings.Contains(err.Error(), "could not be found out") {
		t.Errorf("%v", err)
	}
}

func TestTheTokenStandsInNoError(t *testing.T) {
	t.Parallel()
	for _, a := range []func() (*http.Response, error){
		refused("400", "1", "you sent "+canary), broken, answer(500, canary), answer(200, `{"success":true,"result":{"x":"`+canary+`"}}`),
	} {
		s, pauses := &script{answers: []func() (*http.Response, error){a, a, a, a}}, []time.Duration(nil)
		var out int
		_, err := paused(s, &pauses).Read(t.Context(), Call{Path: "/x"}, &out)
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%v", err)
		}
	}
	_, err := New(Settings{Token: func(context.Context) (inventory.Secret, error) {
		return inventory.Secret{}, errors.New("env:T is not set")
	}}).Read(t.Context(), Call{}, nil)
	if err == nil || err.Error() != "edge.cloudflare.token: env:T is not set" {
		t.Errorf("%v", err)
	}
}

func TestAnErrorSays(t *testing.T) {
	t.Parallel()
	s, pauses := &script{answers: []func() (*http.Response, error){
		answer(400, `{"success":false,"errors":[{"code":1004,"message":"DNS Validation Error","error_chain":[{"code":9021,"message":"Invalid TTL."}]}]}`),
		answer(403, "<html>blocked</html>"),
	}}, []time.Duration(nil)
	c := paused(s, &pauses)
	for _, want := range []string{
		"POST /x: DNS Validation Error: Invalid TTL (1004)",
		"POST /x: no answer of the API, but Forbidden, as a proxy gives it or an overloaded Cloudflare (403)",
	} {
		if err := c.Write(t.Context(), Call{Method: "POST", Path: "/x"}, nil); err == nil || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
	cancelled, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the user has stopped it")
	cancel(stop)
	s.answers = []func() (*http.Response, error){broken}
	if _, err := c.Read(cancelled, Call{Path: "/x"}, nil); !errors.Is(err, stop) || len(s.answers) > 0 {
		t.Errorf("%v", err)
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{`{"success":true,"result":[]}`, `{"success":false,"errors":[{"code":1}]}`, `{"success":true,"result":"`, ``, `null`} {
		f.Add(200, []byte(seed))
		f.Add(403, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 999 {
			return
		}
		pauses := []time.Duration(nil)
		s := &script{answers: slices.Repeat([]func() (*http.Response, error){answer(status, string(body))}, 20)}
		var out []Record
		_, err := paused(s, &pauses).Read(t.Context(), Call{Path: "/x"}, &out)
		if err == nil && status/100 != 2 {
			t.Errorf("%d is no success", status)
		}
	})
}

// Whoever answers with another certificate is asked once, and the hint does
// not send people to Cloudflare.
func TestAnotherOnesCertificate(t *testing.T) {
	t.Parallel()
	s := &script{answers: []func() (*http.Response, error){func() (*http.Response, error) {
		return nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	}}}
	_, err := paused(s, new([]time.Duration)).Read(t.Context(), Call{Path: "/ips"}, nil)
	if err = again(err); len(s.asked) != 1 || !strings.Contains(hintOf(err), "proxy") {
		t.Errorf("asked %q: %v (%s)", s.asked, err, hintOf(err))
	}
}
