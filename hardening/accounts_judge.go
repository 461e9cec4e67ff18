package hardening

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func checkIdentities(f *facts.Facts, _ Policy) Verdict {
	a := f.Accounts
	names, numbers := map[string]int{}, map[int][]string{}
	groups, groupNumbers := map[string]int{}, map[int][]string{}
	for _, u := range a.Users {
		names[u.Name]++
		numbers[u.UID] = append(numbers[u.UID], u.Name)
	}
	for _, g := range a.Groups {
		groups[g.Name]++
		groupNumbers[g.GID] = append(groupNumbers[g.GID], g.Name)
	}
	if !slices.Contains(numbers[0], "root") {
		return unknown("/etc/passwd has no root")
	}
	wrong := slices.Concat(
		twice("/etc/passwd: %s is there %d times", names), shared("/etc/passwd: UID %d is that of %s", numbers),
		twice("/etc/group: %s is there %d times", groups), shared("/etc/group: GID %d is that of %s", groupNumbers))
	return decide(wrong, fmt.Sprintf("UID 0: %s; %d accounts, %d groups", strings.Join(numbers[0], ", "), len(a.Users), len(a.Groups)), "")
}

func twice(format string, counts map[string]int) []string {
	var out []string
	for name, n := range counts {
		if n > 1 {
			out = append(out, fmt.Sprintf(format, name, n))
		}
	}
	slices.Sort(out)
	return out
}

func shared(format string, owners map[int][]string) []string {
	var out []string
	for number, names := range owners {
		if len(names) > 1 {
			out = append(out, fmt.Sprintf(format, number, strings.Join(names, " and ")))
		}
	}
	slices.Sort(out)
	return out
}

// noShells are what an account has that nobody logs in with.
func noShells() []string {
	return []string{"/usr/sbin/nologin", "/sbin/nologin", "/usr/bin/false", "/bin/false"}
}

func checkSystemAccounts(f *facts.Facts, p Policy) Verdict {
	var wrong []string
	seen := 0
	for _, u := range f.Accounts.Users {
		if u.UID == 0 || u.UID >= facts.FirstPerson && u.Name != "nobody" || u.Name == p.Admin {
			continue
		}
		seen++
		// sync only writes the disks and ends: Debian has it so.
		if slices.Contains(noShells(), u.Shell) || u.Name == "sync" && strings.HasSuffix(u.Shell, "/sync") {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s (UID %d): shell %q", u.Name, u.UID, u.Shell))
	}
	if seen == 0 {
		return unknown("/etc/passwd has no account of the system")
	}
	have := fmt.Sprintf("%d accounts without a shell", seen)
	if len(wrong) > 0 {
		have = fmt.Sprintf("%d of %d accounts have a shell", len(wrong), seen)
	}
	return decide(wrong, have, "")
}
