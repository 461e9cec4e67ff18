package inventory

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// fault is one thing that is wrong with a value, and how to mend it.
type fault struct{ message, hint string }

// asciiHost returns host in the form that DNS, certificates and routes use:
// lower case, letters beyond ASCII in their xn-- form. What is no host name
// is returned as it is, for checkHost to complain about.
func asciiHost(host string) string {
	name, wildcard := strings.CutPrefix(host, "*.")
	if isASCII(name) {
		return strings.ToLower(host)
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return host
	}
	if wildcard {
		return "*." + ascii
	}
	return ascii
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// checkHost returns what is wrong with the host of a service, or nil.
func checkHost(host string) *fault {
	const plain = "write the name alone, such as git.example.org"
	name, wildcard := strings.CutPrefix(host, "*.")
	labels := strings.Split(name, ".")
	_, notIP := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case strings.Contains(host, "/"):
		return &fault{"has a scheme or a path", plain}
	case notIP == nil:
		return &fault{"an address, not a name", "certificates and routes need a name, such as git.example.org"}
	case strings.Contains(host, ":"):
		return &fault{"has a port", "the edge answers on 443; the port of the server goes to the key to"}
	case strings.HasSuffix(host, "."):
		return &fault{"ends with a dot", plain}
	case strings.Contains(name, "*"):
		return &fault{"has a * inside", "a wildcard is the whole first label, as in *.example.org"}
	case strings.Contains(name, "_"):
		return &fault{"has an underscore", "certificates cannot be had for it; use a dash"}
	case tooLong(host, labels):
		return &fault{"too long", "a name has at most 253 characters, and 63 between two dots"}
	case !isHostName(name) || !isIDN(name, labels) || isDigits(labels[len(labels)-1]):
		return &fault{"not a host name", plain}
	}
	return checkDomain(name, wildcard)
}

// checkDomain looks at where in the DNS a well-formed name is.
func checkDomain(name string, wildcard bool) *fault {
	suffix, listed := publicsuffix.PublicSuffix(name)
	switch {
	case !strings.Contains(name, ".") && wildcard:
		return &fault{"covers a whole top-level domain", "put a name of yours between, as in *.example.org"}
	case !strings.Contains(name, "."):
		return &fault{"has no domain", "write it like git.example.org, or git.home.arpa for your LAN only"}
	case name == "local" || strings.HasSuffix(name, ".local"):
		return &fault{"under .local, where mDNS answers instead of DNS", "use home.arpa, or a domain of yours"}
	// Under home.arpa everybody owns what is in the own LAN (RFC 8375).
	case name == suffix && listed && name != "home.arpa":
		return &fault{"a suffix under which names are registered, which belongs to nobody", "put a name of yours before it"}
	}
	return nil
}

func tooLong(host string, labels []string) bool {
	const name, label = 253, 63
	for _, l := range labels {
		if len(l) > label {
			return true
		}
	}
	return len(host) > name
}

// isIDN reports whether labels in the xn-- form stand for something.
func isIDN(name string, labels []string) bool {
	for _, l := range labels {
		if strings.HasPrefix(l, "xn--") {
			ascii, err := idna.Lookup.ToASCII(name)
			return err == nil && ascii == name
		}
	}
	return true
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
