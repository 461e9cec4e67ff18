package addons

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	matcher  = regexp.MustCompile("(!?)\\b(Host|HostRegexp|HostSNI|HostSNIRegexp|Path|PathPrefix|PathRegexp)\\(((?:`[^`]*`|\"(?:[^\"\\\\]|\\\\.)*\"|[\\s,])*)\\)")
	argument = regexp.MustCompile("`[^`]*`|\"(?:[^\"\\\\]|\\\\.)*\"")
)

// parseMatch reads the hosts out of a rule of Traefik's. A rule with
// alternatives is never taken for one that is bound to some paths: they are not
// told apart here.
func parseMatch(rule string) route {
	var out route
	narrow := false
	for _, m := range matcher.FindAllStringSubmatch(rule, -1) {
		var args []string
		for _, quoted := range argument.FindAllString(m[3], -1) {
			if arg, err := strconv.Unquote(quoted); err == nil {
				args = append(args, arg)
			}
		}
		switch {
		case strings.HasPrefix(m[2], "Path"):
			narrow = narrow || m[1] == "!" || !slices.ContainsFunc(args, whole)
		case m[1] == "!":
		case strings.HasSuffix(m[2], "Regexp"):
			out.regexps = append(out.regexps, args...)
		default:
			out.hosts = append(out.hosts, args...)
		}
		out.tcp = out.tcp || strings.HasPrefix(m[2], "HostSNI")
	}
	out.part = narrow && !strings.Contains(rule, "||")
	return out
}
