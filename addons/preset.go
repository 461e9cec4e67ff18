package addons

import (
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
)

// preset is the headers and limits that suit a kind of application. What is
// empty is left as the application has it.
type preset struct {
	csp           string
	cspReportOnly bool
	frame         string
	referrer      string
	permissions   string
	isolated      bool // from windows and pages of other origins
	compress      bool
	rateLimit     inventory.RateLimit // instead of the one that services share
}

// Every preset has Strict-Transport-Security: max-age=31536000, one year, for
// the host alone, and X-Content-Type-Options: nosniff. Beyond that:
//
//	                         web              api          media            upload           strict
//	Content-Security-Policy  the app's own    the app's    reported only    the app's own    default-src 'self' …
//	X-Frame-Options          SAMEORIGIN       DENY         SAMEORIGIN       SAMEORIGIN       DENY
//	Referrer-Policy          strict-origin-…  no-referrer  strict-origin-…  strict-origin-…  no-referrer
//	Permissions-Policy       the app's own    none of it   the app's own    the app's own    none of it
//	Cross-Origin-*-Policy    the app's own    the app's    the app's own    the app's own    same-origin
//	compressed               no               no           but for media    no               no
//	limit for each client    shared           shared       300/s:1000       300/s:1000       shared
//
// None limits the size of a body: to do so Traefik keeps whole requests and
// answers back, which breaks streams and is paid for in memory. Media and upload
// have a wider limit because one page of theirs asks for hundreds of pictures.
func presetOf(p inventory.Preset) preset {
	const (
		ordinary = "strict-origin-when-cross-origin"
		none     = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
		wide     = "300/s:1000"
	)
	switch p {
	case inventory.PresetAPI:
		return preset{frame: "DENY", referrer: "no-referrer", permissions: none}
	case inventory.PresetMedia:
		return preset{frame: "SAMEORIGIN", referrer: ordinary, csp: mediaCSP(), cspReportOnly: true, compress: true, rateLimit: wide}
	case inventory.PresetUpload:
		return preset{frame: "SAMEORIGIN", referrer: ordinary, rateLimit: wide}
	case inventory.PresetStrict:
		return preset{frame: "DENY", referrer: "no-referrer", permissions: none, isolated: true,
			csp: "default-src 'self'; base-uri 'self'; form-action 'self'; object-src 'none'"}
	}
	return preset{frame: "SAMEORIGIN", referrer: ordinary}
}

// mediaCSP is what players in the browser need: pictures and streams made in
// the page itself, and workers. As an application may need more, it is only
// reported until the file says otherwise.
func mediaCSP() string {
	return strings.Join([]string{
		"default-src 'self'", "script-src 'self' 'unsafe-inline' blob: https://www.gstatic.com", "style-src 'self' 'unsafe-inline'",
		"worker-src 'self' blob:", "img-src 'self' data: blob: https:", "media-src 'self' data: blob: https:",
		"font-src 'self' data:", "connect-src 'self' wss:", "object-src 'none'",
	}, "; ")
}

// compressed are the types that are compressed in themselves, or come as a
// stream that must not be held back. Traefik compares whole types, so that
// video/* would match none.
func compressed() []string {
	return strings.Fields(`video/mp4 video/webm video/x-matroska video/mp2t video/quicktime
		audio/mpeg audio/mp4 audio/aac audio/ogg audio/flac audio/webm
		image/jpeg image/png image/webp image/avif image/gif
		application/zip application/gzip application/x-7z-compressed application/zstd application/pdf
		application/octet-stream font/woff2 text/event-stream`)
}
