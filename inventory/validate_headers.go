package inventory

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// preloadAge is the least max-age that the preload list takes.
const preloadAge = 365 * 24 * time.Hour

const ageHint = "write it like 300s, 24h or 8760h (one year), or off"

var errAge = errors.New("not a duration of whole seconds")

// MaxAge is the max-age of Strict-Transport-Security. set is false where the
// file says nothing or off; compare HSTS with Off to tell the two apart.
func (h Headers) MaxAge() (age time.Duration, set bool, err error) {
	if h.HSTS == "" || h.HSTS == Off {
		return 0, false, nil
	}
	age, err = time.ParseDuration(h.HSTS)
	if err != nil || age < 0 || age%time.Second != 0 {
		return 0, false, withHint(fmt.Errorf("read %q: %w", h.HSTS, errAge), ageHint)
	}
	return age, true, nil
}

func validateHeaders(s Service, f *findings) {
	if s.Headers == nil {
		return
	}
	h := *s.Headers
	validateHSTS(s, f)
	if h.CSP != "" && h.CSP != Off {
		for _, wrong := range checkCSP(h.CSP) {
			f.tell("headers.csp", &wrong)
		}
	}
	f.check(!h.CSPReportOnly || h.CSP != "" && h.CSP != Off, "headers.cspReportOnly", "needs headers.csp", "write the policy, or take cspReportOnly out")
	if h.PermissionsPolicy != "" && h.PermissionsPolicy != Off {
		f.tell("headers.permissionsPolicy", checkPermissions(h.PermissionsPolicy))
	}
	if h.ReferrerPolicy != "" && h.ReferrerPolicy != Off {
		f.tell("headers.referrerPolicy", checkReferrer(h.ReferrerPolicy))
	}
	f.checkWord("headers.frame", h.Frame, frameDeny, frameSameOrigin, Off)
	f.tell("headers.frame", checkFrame(h))
}

func validateHSTS(s Service, f *findings) {
	h, path := *s.Headers, "headers.hstsPreload"
	age, set, err := h.MaxAge()
	if !f.check(err == nil, "headers.hsts", errAge.Error(), ageHint) || !h.HSTSPreload {
		return
	}
	f.check(h.HSTS != Off, path, "needs headers.hsts", "take one of the two out")
	f.check(!set || age >= preloadAge, path, "needs a headers.hsts of one year or more", "ramp it up first: 300s, then 24h, then 8760h")
	f.check(s.Expose == ExposePublic, path, "the list looks at the host from the internet, but expose is lan", "take hstsPreload out")
	// What has no such domain was refused by checkHost.
	if apex, err := publicsuffix.EffectiveTLDPlusOne(s.Host); err == nil {
		f.check(s.Host == apex, path, "only a registered domain itself can be on the list, not "+s.Host, "take hstsPreload out; the service at "+apex+" decides for all names below it")
	}
}

// The values of Headers.Frame beside Off.
const (
	frameDeny       = "deny"
	frameSameOrigin = "sameorigin"
)

// checkFrame compares X-Frame-Options with the policy: browsers follow the
// policy, other programs the header.
func checkFrame(h Headers) *fault {
	for _, d := range parseCSP(h.CSP) {
		none := slices.Equal(d.values, []string{"'none'"})
		if d.name != "frame-ancestors" || h.Frame != frameDeny && h.Frame != frameSameOrigin || none == (h.Frame == frameDeny) {
			continue
		}
		return &fault{h.Frame + " contradicts frame-ancestors in headers.csp", "deny goes with frame-ancestors 'none', sameorigin with frame-ancestors 'self'; off leaves it to the policy"}
	}
	return nil
}

func checkReferrer(policy string) *fault {
	known := []string{"no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "unsafe-url"}
	// Several are allowed: browsers take the last one that they know.
	for word := range strings.SplitSeq(policy, ",") {
		word = strings.Trim(word, " ")
		if slices.Contains(known, word) {
			continue
		}
		hint := "write one of " + strings.Join(known, ", ")
		if near := Nearest(word, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return &fault{"not a referrer policy", hint}
	}
	return nil
}

// allowed is one who may use a feature.
const allowed = `(\*|self|src|"https?://[!#-~]+")`

var (
	permissionForm = regexp.MustCompile(`^([a-z][a-z0-9-]*)=(` + allowed + `|\( *(` + allowed + `( +` + allowed + `)*)? *\))$`)
	// oldPermissionForm is that of Feature-Policy, which came before.
	oldPermissionForm = regexp.MustCompile(`^[a-z-]+( +('none'|'self'|\*|https?://\S+))+ *(;|$)`)
)

// checkPermissions checks the form of a Permissions-Policy. Browsers pass over the
// whole header where one part of it is wrong.
func checkPermissions(policy string) *fault {
	const hint = `write it like camera=(), geolocation=(self "https://maps.example.org")`
	if oldPermissionForm.MatchString(policy) {
		return &fault{"has the form of the old Feature-Policy", hint}
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(policy, ",") {
		m := permissionForm.FindStringSubmatch(strings.Trim(part, " "))
		if m == nil {
			return &fault{"not a permissions policy", hint}
		}
		if seen[m[1]] {
			return &fault{m[1] + " stands here twice", "keep one of the two"}
		}
		seen[m[1]] = true
	}
	return nil
}
