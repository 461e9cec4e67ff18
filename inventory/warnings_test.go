package inventory

import (
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		service Service
		want    string // what the only warning begins with
	}{
		"plain":          {Service{To: []string{"10.0.0.20:3000"}}, ""},
		"not an address": {Service{To: []string{"nas"}}, ""},
		"Proxmox":        {Service{To: []string{"10.0.0.20:3000", "10.0.0.21:8006"}, Scheme: SchemeHTTP}, "to[1]: on port 8006"},
		"https":          {Service{To: []string{"10.0.0.20:443"}, Scheme: SchemeHTTPS}, ""},
		"https on 80":    {Service{To: []string{"10.0.0.20:80"}, Scheme: SchemeHTTPS}, "to[0]: on port 80"},
		"insecure":       {Service{TLS: &BackendTLS{Insecure: true}}, "tls.insecure: "},
		"CA":             {Service{TLS: &BackendTLS{CA: "file:ca"}}, ""},
		"two below":      {Service{Host: "a.git.example.org", Expose: ExposePublic}, "host: Cloudflare"},
		"all two below":  {Service{Host: "*.git.example.co.uk", Expose: ExposePublic}, "host: Cloudflare"},
		"one below":      {Service{Host: "*.example.co.uk", Expose: ExposePublic}, ""},
		"the domain":     {Service{Host: "example.org", Expose: ExposePublic}, ""},
		"two on the LAN": {Service{Host: "a.git.example.org", Expose: ExposeLAN}, ""},
		"referrer":       {Service{Headers: &Headers{ReferrerPolicy: "unsafe-url"}}, "headers.referrerPolicy: "},
		"media":          {Service{Preset: PresetMedia, Headers: &Headers{CSP: "default-src 'self' blob:"}}, "headers.csp: players"},
		"good media":     {Service{Preset: PresetMedia, Headers: &Headers{CSP: "default-src 'self' blob: data:"}}, ""},
		"web":            {Service{Preset: PresetWeb, Headers: &Headers{CSP: "default-src 'self'"}}, ""},
		"sockets":        {Service{Host: "a.lan", Headers: &Headers{CSP: "connect-src 'self'"}}, "headers.csp: some browsers do not count WebSockets to 'self'; add wss://a.lan"},
		"named sockets":  {Service{Host: "a.lan", Headers: &Headers{CSP: "connect-src 'self' wss://a.lan"}}, ""},
	} {
		got := tc.service.Warnings()
		if tc.want == "" && len(got) > 0 || tc.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tc.want)) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
