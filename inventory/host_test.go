package inventory

import (
	"strings"
	"testing"
)

func TestCheckHost(t *testing.T) {
	t.Parallel()
	label, longest := strings.Repeat("x", 63), strings.Repeat("a.", 124)+"a.org"
	for host, want := range map[string]string{
		"git.example.org": "", "git.lab.test": "", "lab.test": "", "git.home.arpa": "", "home.arpa": "", "2fauth.lan.": "ends with a dot",
		"*.example.org": "", "*.lab.test": "", "*.home.arpa": "", "me.github.io": "", "github.io": "", "*.github.io": "",
		"xn--bcher-kva.example": "", "a--b.example.org": "", label + ".org": "", longest: "",
		"":                        "not a host name",
		"git":                     "has no domain",
		"localhost":               "has no domain",
		"https://git.example.org": "has a scheme or a path",
		"git.example.org/":        "has a scheme or a path",
		"git.example.org:443":     "has a port",
		"10.0.0.20":               "an address, not a name",
		"[fd00::20]":              "an address, not a name",
		"fd00::20":                "an address, not a name",
		"git.10":                  "not a host name",
		"Git.example.org":         "not a host name",
		"git..org":                "not a host name",
		"-git.example.org":        "not a host name",
		"git .example.org":        "not a host name",
		"gît.example.org":         "not a host name", // Load writes its other form
		"xn--a.example.org":       "not a host name",
		"my_git.example.org":      "has an underscore",
		"*":                       "has a * inside",
		"a.*.example.org":         "has a * inside",
		"git*.example.org":        "has a * inside",
		"*.*.example.org":         "has a * inside",
		"*.":                      "ends with a dot",
		"*.org":                   "covers a whole top-level domain",
		"nas.local":               "under .local, where mDNS answers instead of DNS",
		"*.local":                 "covers a whole top-level domain",
		"co.uk":                   "a suffix under which names are registered, which belongs to nobody",
		"*.co.uk":                 "a suffix under which names are registered, which belongs to nobody",
		label + "x.org":           "too long",
		longest + "aaa":           "too long",
	} {
		got := checkHost(host)
		if (got == nil) != (want == "") || got != nil && (got.message != want || got.hint == "") {
			t.Errorf("%q: %+v, want %q", host, got, want)
		}
	}
}

func TestASCIIHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"bücher.example": "xn--bcher-kva.example", "BÜCHER.Example": "xn--bcher-kva.example", "*.bücher.example": "*.xn--bcher-kva.example",
		"Git.Example.ORG": "git.example.org", "*.Lan": "*.lan", "": "", "faß.example": "xn--fa-hia.example",
		"例え。テスト": "xn--r8jz45g.xn--zckzah", "a\u200b☃_.org": "a\u200b☃_.org",
	} {
		if got := asciiHost(host); got != want {
			t.Errorf("asciiHost(%q) is %q, want %q", host, got, want)
		}
	}
	f := newFolder(t, "existing.yaml")
	f.write("services/git.yaml", strings.Replace(testdata(t, "service.yaml"), "git.example.org", "Bücher.example.org", 1), 0o644)
	if host := f.mustLoad().Services[0].Host; host != "xn--bcher-kva.example.org" {
		t.Errorf("the host is loaded as %s", host)
	}
}

// What is accepted can be a name in a certificate and in a route.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"git.example.org", "*.example.org", "bücher.example", "xn--bcher-kva.example", "co.uk", "10.0.0.1", "a_b.c", "*", "[::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host := asciiHost(s)
		if checkHost(host) != nil {
			return
		}
		if again := asciiHost(host); again != host {
			t.Errorf("%q is %q and then %q", s, host, again)
		}
		name := strings.TrimPrefix(host, "*.")
		if !isHostName(name) || !strings.Contains(name, ".") || len(host) > 253 {
			t.Errorf("%q is accepted as %q", s, host)
		}
	})
}
