package inventory

import (
	"strings"
	"testing"
)

func TestCheckCSP(t *testing.T) {
	t.Parallel()
	const digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for policy, want := range map[string]string{
		"default-src 'self'": "",
		"DEFAULT-SRC 'SELF'; ; script-src 'self' 'unsafe-inline' https://www.gstatic.com blob:;":                "",
		"img-src * data: https: *.example.org https://cdn.example.org:8443/a/ 10.0.0.7:* wss://git.lan":         "",
		"script-src 'sha256-" + digest + "' 'report-sample'; object-src 'none'":                                 "",
		"frame-ancestors 'self' https://a.example.org; sandbox; base-uri 'none'; upgrade-insecure-requests":     "",
		"sandbox allow-forms allow-scripts; report-uri /csp; report-to csp; require-trusted-types-for 'script'": "",
		"": "names no directive", " ; ": "names no directive",
		"default-src 'self', img-src *":          "has a comma, where browsers begin a second policy",
		"default-src ‘self’":                     "has characters that a header cannot carry",
		"default-src 'self'\nimg-src *":          "has characters that a header cannot carry",
		"defualt-src 'self'":                     "an unknown directive: defualt-src",
		"\x22 x":                                 `an unknown directive: "\""`,
		"img-src *; IMG-SRC 'self'":              "img-src stands here twice; browsers pass over the second",
		"img-src":                                "img-src has no value",
		"report-uri":                             "report-uri has no value",
		"upgrade-insecure-requests 1":            "upgrade-insecure-requests takes no value",
		"img-src 'none' data:":                   "img-src: 'none' stands beside other sources, and is passed over",
		"default-src self":                       "default-src: self is not quoted, and taken for a host",
		"script-src unsafe-inline":               "script-src: unsafe-inline is not quoted, and taken for a host",
		"script-src sha256-" + digest:            "script-src: \"sha256-" + digest[:33] + `\u2026" is not quoted, and taken for a host`,
		"script-src 'unsafe-inlin'":              `script-src: an unknown keyword: "'unsafe-inlin'"`,
		"script-src 'self":                       `script-src: "'self" is not closed with a quote`,
		"script-src ''self''":                    `script-src: "''self''" is not closed with a quote`,
		"script-src '":                           `script-src: "'" is not closed with a quote`,
		"script-src ''":                          `script-src: an unknown keyword: "''"`,
		"script-src 'nonce-abc123'":              "script-src: a nonce that never changes protects nothing",
		"script-src nonce-abc123":                "script-src: nonce-abc123 is not quoted, and taken for a host",
		"script-src 'strict-dynamic'":            "script-src: 'strict-dynamic' needs a nonce, which the edge cannot give",
		"script-src 'sha256-" + digest[:9] + "'": `script-src: "'sha256-47DEQpj8H'" is not a hash`,
		"script-src 'sha512-" + digest + "'":     `script-src: "'sha512-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM\u2026" is not a hash`,
		"script-src 'sha1-aaaa'":                 `script-src: "'sha1-aaaa'" is not a hash`,
		"img-src data":                           "img-src: data is taken for a host",
		"img-src 'self' script-src 'self'":       "img-src: script-src stands where a source is expected",
		"img-src https://a.org/?q":               `img-src: "https://a.org/?q" is not a source`,
		"img-src *.*.org":                        `img-src: "*.*.org" is not a source`,
		"img-src a.org:port":                     `img-src: "a.org:port" is not a source`,
		"frame-ancestors 'unsafe-inline'":        `frame-ancestors: "'unsafe-inline'" means nothing here`,
		"frame-ancestors 'self' 'none'":          "frame-ancestors: 'none' stands beside other sources, and is passed over",
		"sandbox allow-form":                     "sandbox: an unknown permission: allow-form",
	} {
		var messages []string
		for _, wrong := range checkCSP(policy) {
			messages = append(messages, wrong.message)
			if wrong.hint == "" {
				t.Errorf("%s: %s has no hint", policy, wrong.message)
			}
		}
		if got := strings.Join(messages, "; "); got != want {
			t.Errorf("%s:\n\t%s, want\n\t%s", policy, got, want)
		}
	}
}

func TestCSPHints(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]string{
		"defualt-src 'self'":          "did you mean default-src?",
		"plugin-types a/b":            "known are base-uri, block-all-mixed-content, child-src",
		"script-src 'unsafe_inline'":  "did you mean 'unsafe-inline'?",
		"script-src self":             "write 'self'",
		"script-src 'self":            "write 'self'",
		"img-src data":                "a scheme ends with a colon: data:",
		"img-src a script-src b":      "put ; before it",
		"sandbox allow-forms, a":      separators,
		"script-src 'none' a.org":     "keep 'none' alone, or take it out",
		"upgrade-insecure-requests a": "end it with ;",
	} {
		wrong := checkCSP(policy)
		if len(wrong) != 1 || !strings.HasPrefix(wrong[0].hint, want) {
			t.Errorf("%s: %+v, want the hint %s", policy, wrong, want)
		}
	}
}

// Whatever a policy is, it is judged, and no message carries what a terminal would act on.
func FuzzCSP(f *testing.F) {
	for _, s := range []string{"default-src 'self'; img-src * data:", "script-src 'nonce-a'", "sandbox", "a 'b' \"c", "frame-ancestors 'none' ''", "img-src *.a:*/x", ", ;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, policy string) {
		wrong := checkCSP(policy)
		for _, w := range wrong {
			if w.message == "" || w.hint == "" || strings.ContainsFunc(w.message, isControl) {
				t.Errorf("%q: %+v", policy, w)
			}
		}
		if len(wrong) == 0 && (strings.ContainsAny(policy, ",\n\r") || !isASCII(policy) || strings.Contains(strings.ToLower(policy), "'nonce-") && !strings.Contains(policy, "/")) {
			t.Errorf("%q is accepted", policy)
		}
		checkFrame(Headers{CSP: policy, Frame: frameDeny})
	})
}
