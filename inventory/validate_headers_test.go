package inventory

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestValidateHeaders(t *testing.T) {
	t.Parallel()
	head := func(name, headers string, want ...string) serviceEdit {
		return with(name, "headers: {"+headers+"}", want...)
	}
	const contradiction = " contradicts frame-ancestors in headers.csp"
	for _, e := range []serviceEdit{
		head("none", ""),
		head("all", `hsts: 8760h, csp: "default-src 'self'; frame-ancestors 'self'", cspReportOnly: true, permissionsPolicy: 'camera=(), fullscreen=self', referrerPolicy: same-origin, frame: sameorigin`),
		head("all off", "hsts: off, csp: off, permissionsPolicy: off, referrerPolicy: off, frame: off"),
		head("HSTS without unit", "hsts: 300", "5: headers.hsts: text is expected here, not this number"),
		head("HSTS of days", "hsts: 365d", "5: headers.hsts: not a duration of whole seconds"),
		head("HSTS of parts", "hsts: 1500ms", "5: headers.hsts: not a duration of whole seconds"),
		head("HSTS before", "hsts: -5s", "5: headers.hsts: not a duration of whole seconds"),
		head("CSP", `csp: "default-src self; img-src data"`,
			"5: headers.csp: default-src: self is not quoted, and taken for a host", "5: headers.csp: img-src: data is taken for a host"),
		head("report only", "cspReportOnly: true", "5: headers.cspReportOnly: needs headers.csp"),
		head("report off", "cspReportOnly: true, csp: off", "5: headers.cspReportOnly: needs headers.csp"),
		head("permissions", "permissionsPolicy: camera", "5: headers.permissionsPolicy: not a permissions policy"),
		head("referrer", "referrerPolicy: never", "5: headers.referrerPolicy: not a referrer policy"),
		head("frame", "frame: allow", "5: headers.frame: not one of deny, sameorigin, off"),
		head("none and sameorigin", `csp: "frame-ancestors 'none'", frame: sameorigin`, "5: headers.frame: sameorigin"+contradiction),
		head("self and deny", `csp: "frame-ancestors 'self'", frame: deny`, "5: headers.frame: deny"+contradiction),
		head("none and deny", `csp: "frame-ancestors 'none'", frame: deny`),
		head("none and off", `csp: "frame-ancestors 'none'", frame: off`),
	} {
		e.run(t)
	}
}

func TestValidatePreload(t *testing.T) {
	t.Parallel()
	const path = ": headers.hstsPreload: "
	preload := func(name, host, lines string, want ...string) serviceEdit {
		return serviceEdit{name, "host: git.example.org\n", "host: " + host + "\n" + lines + "\n", want}
	}
	const on, ready = "headers: {hstsPreload: true}", "expose: public\nheaders: {hstsPreload: true, hsts: 8760h}"
	for _, e := range []serviceEdit{
		preload("good", "example.org", ready),
		preload("default age", "lab.test", "expose: public\n"+on),
		preload("private suffix", "me.github.io", ready),
		preload("LAN", "example.org", on, "5"+path+"the list looks at the host from the internet, but expose is lan"),
		preload("below", "git.example.org", ready, "6"+path+"only a registered domain itself can be on the list, not git.example.org"),
		preload("wildcard", "'*.example.org'", ready, "6"+path+"only a registered domain itself can be on the list, not *.example.org"),
		preload("short", "example.org", "expose: public\nheaders: {hstsPreload: true, hsts: 8759h}", "6"+path+"needs a headers.hsts of one year or more"),
		preload("off", "example.org", "expose: public\nheaders: {hstsPreload: true, hsts: off}", "6"+path+"needs headers.hsts"),
	} {
		e.run(t)
	}
}

func TestMaxAge(t *testing.T) {
	t.Parallel()
	for hsts, want := range map[string]time.Duration{"300s": 300 * time.Second, "24h": 24 * time.Hour, "0s": 0, "1h30m": 90 * time.Minute} {
		if age, set, err := (Headers{HSTS: hsts}).MaxAge(); err != nil || !set || age != want {
			t.Errorf("%s is %v, %v, %v", hsts, age, set, err)
		}
	}
	for _, hsts := range []string{"", Off} {
		if age, set, err := (Headers{HSTS: hsts}).MaxAge(); err != nil || set || age != 0 {
			t.Errorf("%q is %v, %v, %v", hsts, age, set, err)
		}
	}
	if _, set, err := (Headers{HSTS: "1y"}).MaxAge(); !errors.Is(err, errAge) || set || hintOf(err) == "" {
		t.Errorf("1y: %v, %v", set, err)
	}
}

func TestCheckPermissions(t *testing.T) {
	t.Parallel()
	const not, old = "not a permissions policy", "has the form of the old Feature-Policy"
	for policy, want := range map[string]string{
		"camera=()": "", "camera=(), geolocation=(self), usb=*": "", "fullscreen=self,autoplay=( self  \"https://a.example.org\" )": "",
		`picture-in-picture="https://a.org:8443"`: "", "ch-ua=(src *)": "",
		"camera 'none'": old, "camera 'none'; microphone 'self'": old, "geolocation 'self' https://a.org": old,
		"": not, "camera": not, "camera=": not, "camera=()a": not, "camera=(": not, "camera=)": not, "camera=none": not, "camera=('self')": not,
		"camera=(self,usb=()": not, "camera=();usb=()": not, "camera=(),": not, "Camera=()": not, "camera=(selfsrc)": not, "camera=(https://a.org)": not,
		"camera=(), usb=(), camera=(self)": "camera stands here twice",
	} {
		got := checkPermissions(policy)
		if (got == nil) != (want == "") || got != nil && (got.message != want || got.hint == "") {
			t.Errorf("%q: %+v, want %q", policy, got, want)
		}
	}
}

func TestCheckReferrer(t *testing.T) {
	t.Parallel()
	for policy, hint := range map[string]string{
		"no-referrer": "", "no-referrer, strict-origin-when-cross-origin": "", "unsafe-url": "",
		"no-refferer": `did you mean "no-referrer"?`, "never": "write one of no-referrer, ", "origin,": "write one of no-referrer, ", "Origin": `did you mean "origin"?`,
	} {
		got := checkReferrer(policy)
		if (got == nil) != (hint == "") || got != nil && !strings.HasPrefix(got.hint, hint) {
			t.Errorf("%q: %+v, want %q", policy, got, hint)
		}
	}
}

func FuzzPermissions(f *testing.F) {
	for _, s := range []string{"camera=()", `a=(self "https://b")`, "a=*,b=self", "camera 'none'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, policy string) {
		if checkPermissions(policy) == nil && (policy == "" || strings.Count(policy, "(") != strings.Count(policy, ")") || strings.ContainsAny(policy, ";\n'")) &&
			!strings.Contains(policy, `"`) {
			t.Errorf("%q is accepted", policy)
		}
	})
}
