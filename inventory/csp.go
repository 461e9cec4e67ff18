package inventory

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// directive is one part of a Content-Security-Policy.
type directive struct {
	name   string // in lower case, as browsers compare it
	values []string
}

// parseCSP takes a policy apart as browsers do.
func parseCSP(policy string) []directive {
	var out []directive
	for part := range strings.SplitSeq(policy, ";") {
		if words := strings.Fields(part); len(words) > 0 {
			out = append(out, directive{strings.ToLower(words[0]), words[1:]})
		}
	}
	return out
}

// The kinds of directives, by what may follow the name.
const (
	takesSources   = "sources"
	takesAncestors = "ancestors"
	takesNothing   = "nothing"
	takesSandbox   = "sandbox"
	takesWords     = "words" // that are not looked at
)

func directiveKinds() map[string]string {
	kinds := map[string]string{
		"frame-ancestors": takesAncestors, "sandbox": takesSandbox, "upgrade-insecure-requests": takesNothing, "block-all-mixed-content": takesNothing,
		"report-uri": takesWords, "report-to": takesWords, "require-trusted-types-for": takesWords, "trusted-types": takesWords,
		"base-uri": takesSources, "form-action": takesSources,
	}
	for _, fetched := range []string{"child", "connect", "default", "fenced-frame", "font", "frame", "img", "manifest", "media", "object", "prefetch", "script", "style", "worker"} {
		kinds[fetched+"-src"] = takesSources
	}
	for _, part := range []string{"script-src-elem", "script-src-attr", "style-src-elem", "style-src-attr"} {
		kinds[part] = takesSources
	}
	return kinds
}

const separators = "put a blank between sources and ; between directives"

// checkCSP returns everything that is wrong with a policy that is the same for
// all answers. Browsers say such things only in their console.
func checkCSP(policy string) []fault {
	directives := parseCSP(policy)
	switch {
	case strings.ContainsFunc(policy, func(r rune) bool { return isControl(r) || r > '~' }):
		return []fault{{"has characters that a header cannot carry", "write hosts in their xn-- form, and quotes as '"}}
	case strings.Contains(policy, ","):
		return []fault{{"has a comma, where browsers begin a second policy", separators}}
	case len(directives) == 0:
		return []fault{{"names no directive", "write one such as default-src 'self', or leave csp out"}}
	}
	var wrong []fault
	seen := map[string]bool{}
	for _, d := range directives {
		if seen[d.name] {
			wrong = append(wrong, fault{showKey(d.name) + " stands here twice; browsers pass over the second", "keep one, with the sources of both"})
		}
		seen[d.name] = true
		wrong = append(wrong, d.check()...)
	}
	return wrong
}

func (d directive) check() []fault {
	kinds := directiveKinds()
	kind, known := kinds[d.name]
	switch {
	case !known:
		return []fault{unknownWord("an unknown directive: ", d.name, slices.Sorted(maps.Keys(kinds)))}
	case kind == takesNothing && len(d.values) > 0:
		return []fault{{d.name + " takes no value", "end it with ;"}}
	case kind != takesNothing && kind != takesSandbox && len(d.values) == 0:
		return []fault{{d.name + " has no value", "write 'none' to forbid all, or take it out"}}
	}
	wrong := d.checkValues(kind)
	if len(d.values) > 1 && slices.ContainsFunc(d.values, isNone) {
		wrong = append(wrong, fault{d.name + ": 'none' stands beside other sources, and is passed over", "keep 'none' alone, or take it out"})
	}
	return wrong
}

func (d directive) checkValues(kind string) []fault {
	var wrong []fault
	for _, value := range d.values {
		if bad := checkValue(kind, value); bad != nil {
			wrong = append(wrong, fault{d.name + ": " + bad.message, bad.hint})
		}
	}
	return wrong
}

func isNone(value string) bool { return strings.EqualFold(value, "'none'") }

func checkValue(kind, value string) *fault {
	switch kind {
	case takesSandbox:
		return checkSandbox(value)
	case takesAncestors:
		if strings.HasPrefix(value, "'") && !isNone(value) && !strings.EqualFold(value, "'self'") {
			return &fault{showKey(value) + " means nothing here", "only 'none', 'self', schemes and hosts may be named"}
		}
		return checkSource(value)
	case takesSources:
		return checkSource(value)
	}
	return nil
}

var (
	schemeSource = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:$`)
	hostSource   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://)?(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)(:([0-9]{1,5}|\*))?(/[^?#']*)?$`)
	hashForm     = regexp.MustCompile(`^'sha(256|384|512)-([A-Za-z0-9+/_-]+={0,2})'$`)
)

func cspKeywords() []string {
	return []string{"self", "none", "unsafe-inline", "unsafe-eval", "wasm-unsafe-eval", "unsafe-hashes", "strict-dynamic", "report-sample"}
}

// checkSource judges one source of a list.
func checkSource(value string) *fault {
	word := strings.ToLower(value)
	_, isDirective := directiveKinds()[word]
	switch {
	case strings.HasPrefix(value, "'"):
		return checkQuoted(value)
	case slices.Contains(cspKeywords(), word), strings.HasPrefix(word, "nonce-"), isHash("'" + value + "'"):
		return &fault{showKey(value) + " is not quoted, and taken for a host", "write '" + value + "'"}
	case slices.Contains([]string{"http", "https", "ws", "wss", "data", "blob", "filesystem", "mediastream"}, word):
		return &fault{value + " is taken for a host", "a scheme ends with a colon: " + word + ":"}
	case isDirective:
		return &fault{value + " stands where a source is expected", "put ; before it"}
	case !schemeSource.MatchString(value) && !hostSource.MatchString(value):
		return &fault{showKey(value) + " is not a source", "write a host such as https://cdn.example.org, a scheme such as data:, or a keyword such as 'self'"}
	}
	return nil
}

// checkQuoted judges a keyword, nonce or hash.
func checkQuoted(value string) *fault {
	word := strings.Trim(strings.ToLower(value), "'")
	switch {
	case !strings.HasSuffix(value, "'") || len(value) < len("''") || "'"+word+"'" != strings.ToLower(value):
		return &fault{showKey(value) + " is not closed with a quote", "write '" + word + "'"}
	case strings.HasPrefix(word, "nonce-"):
		return &fault{"a nonce that never changes protects nothing", "leave this policy to the application, or name hashes: 'sha256-…'"}
	case word == "strict-dynamic":
		return &fault{"'strict-dynamic' needs a nonce, which the edge cannot give", "leave this policy to the application, or name the hosts"}
	case strings.HasPrefix(word, "sha"):
		if !isHash(value) {
			return &fault{showKey(value) + " is not a hash", "write sha256-, sha384- or sha512- and the whole digest in base64"}
		}
	case !slices.Contains(cspKeywords(), word):
		bad := unknownWord("an unknown keyword: ", value, quoted(cspKeywords()))
		return &bad
	}
	return nil
}

func isHash(value string) bool {
	m := hashForm.FindStringSubmatch(value)
	if m == nil {
		return false
	}
	bits, _ := strconv.Atoi(m[1])
	digest, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(m[2]))
	return err == nil && len(digest) == bits/8
}

func checkSandbox(value string) *fault {
	known := []string{"allow-downloads", "allow-forms", "allow-modals", "allow-orientation-lock", "allow-pointer-lock", "allow-popups", "allow-popups-to-escape-sandbox",
		"allow-presentation", "allow-same-origin", "allow-scripts", "allow-storage-access-by-user-activation", "allow-top-navigation",
		"allow-top-navigation-by-user-activation", "allow-top-navigation-to-custom-protocols"}
	if slices.Contains(known, strings.ToLower(value)) {
		return nil
	}
	bad := unknownWord("an unknown permission: ", value, known)
	return &bad
}

func unknownWord(message, word string, known []string) fault {
	hint := "known are " + strings.Join(known, ", ")
	if near := Nearest(word, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fault{message + showKey(word), hint}
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "'" + w + "'"
	}
	return out
}
