package hardening

import (
	"regexp"
	"strings"
)

// wheelRequired and wheelTrusted are lines of PAM's that close su, and that open it without a password.
var (
	wheelRequired = regexp.MustCompile(`(?m)^\s*auth\s+(?:required|requisite)\s+pam_wheel\.so\b(.*)$`)
	wheelTrusted  = regexp.MustCompile(`(?m)^\s*auth\s+sufficient\s+pam_wheel\.so\b.*\btrust\b.*$`)
	wheelComment  = regexp.MustCompile(`(?m)^#\s*auth\s+required\s+pam_wheel\.so[ \t]*$`)
	rootThrough   = regexp.MustCompile(`(?m)^\s*auth\s+sufficient\s+pam_rootok\.so.*$`)
)

func closesSu(content string) bool {
	for _, match := range wheelRequired.FindAllStringSubmatch(content, -1) {
		if !strings.Contains(match[1], "deny") {
			return !wheelTrusted.MatchString(content)
		}
	}
	return false
}

// closedSu takes the comment from Debian's own line, or puts one behind the
// line that lets root through. Without that line even root could not use su.
func closedSu(content string) (string, bool) {
	root := rootThrough.FindStringIndex(content)
	if root == nil || wheelTrusted.MatchString(content) {
		return "", false
	}
	at := wheelComment.FindStringIndex(content)
	if at == nil || at[0] < root[0] {
		return content[:root[1]] + "\n" + wheelLine + content[root[1]:], true
	}
	return content[:at[0]] + wheelLine + content[at[1]:], true
}
