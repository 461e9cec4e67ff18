package addons

import (
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

const year = 365 * 24 * time.Hour

// headersOf is the preset's headers with those of the file on top.
func headersOf(s inventory.Service) *object.Headers {
	p, asked := presetOf(s.Preset), inventory.Headers{}
	if s.Headers != nil {
		asked = *s.Headers
	}
	h := &object.Headers{
		ContentTypeNosniff:      true,
		CustomFrameOptionsValue: pick(strings.ToUpper(asked.Frame), p.frame),
		ReferrerPolicy:          pick(asked.ReferrerPolicy, p.referrer),
		CustomResponseHeaders:   map[string]string{},
	}
	if policy := pick(asked.PermissionsPolicy, p.permissions); policy != "" {
		h.CustomResponseHeaders["Permissions-Policy"] = policy
	}
	if p.isolated {
		h.CustomResponseHeaders["Cross-Origin-Opener-Policy"] = "same-origin"
		h.CustomResponseHeaders["Cross-Origin-Resource-Policy"] = "same-origin"
	}
	setCSP(h, asked, p)
	setHSTS(h, asked)
	return h
}

// pick is what the file asks for, or else what the preset has; off is neither.
func pick(asked, preset string) string {
	switch {
	case strings.EqualFold(asked, inventory.Off):
		return ""
	case asked != "":
		return asked
	}
	return preset
}

// setCSP reports a policy of the file only where the file says so: what the
// preset does with its own is of no matter then.
func setCSP(h *object.Headers, asked inventory.Headers, p preset) {
	policy, reported := pick(asked.CSP, p.csp), asked.CSPReportOnly
	if asked.CSP == "" && policy != "" {
		policy, reported = policy+ancestors(h.CustomFrameOptionsValue), reported || p.cspReportOnly
	}
	if strings.Contains(asked.CSP, "frame-ancestors") && asked.Frame == "" && !reported {
		h.CustomFrameOptionsValue = "" // the preset's could say the opposite
	}
	if reported {
		h.CSPReportOnly = policy
		return
	}
	h.ContentSecurityPolicy = policy
}

// ancestors is X-Frame-Options in the words of a policy.
func ancestors(frame string) string {
	switch frame {
	case "DENY":
		return "; frame-ancestors 'none'"
	case "SAMEORIGIN":
		return "; frame-ancestors 'self'"
	}
	return ""
}

// setHSTS forces the header, because requests of the tunnel arrive in plain HTTP.
func setHSTS(h *object.Headers, asked inventory.Headers) {
	if asked.HSTS == inventory.Off {
		return
	}
	age, set, err := asked.MaxAge()
	if !set || err != nil {
		age = year // the file's value was checked when it was read
	}
	if age == 0 {
		// Traefik takes 0 for "say nothing", but to browsers it means "forget it".
		h.CustomResponseHeaders["Strict-Transport-Security"] = "max-age=0"
		return
	}
	h.STSSeconds, h.ForceSTSHeader = int64(age/time.Second), true
	h.STSIncludeSubdomains, h.STSPreload = asked.HSTSPreload, asked.HSTSPreload
}
