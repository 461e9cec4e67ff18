package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// account is a line of the user database.
type account struct{ name, uid, home string }

// logins reads the keys of every account that exists, from the files that
// sshd would read them from.
func (h Host) logins(ctx context.Context, users []string, s *facts.SSHD) ([]facts.Login, error) {
	accounts, err := h.accounts(ctx, withAllowed(users, s))
	if err != nil {
		return nil, err
	}
	out := []facts.Login{}
	for _, a := range accounts {
		files, err := keyFiles(a, s)
		if err != nil {
			return nil, err
		}
		login := facts.Login{User: a.name, Keys: []facts.Key{}}
		for _, file := range files {
			b, err := h.readSmall(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read keys of %s: %w", a.name, err)
			}
			login.Keys = append(login.Keys, parseKeys(file, string(b))...)
		}
		out = append(out, login)
	}
	return out, nil
}

// withAllowed adds the users whom sshd lets in by name. A pattern names nobody:
// to judge it is a control's.
func withAllowed(users []string, s *facts.SSHD) []string {
	all := slices.Clone(users)
	for _, cell := range cellsOf(s) {
		for _, allowed := range cell.Settings["allowusers"] {
			name, _, _ := strings.Cut(allowed, "@")
			if !strings.ContainsAny(name, "*?!") && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// accounts asks getent, which knows every source of users. It exits 2 when one
// of the names is nobody's, and prints the others.
func (h Host) accounts(ctx context.Context, users []string) ([]account, error) {
	if len(users) == 0 {
		return nil, nil
	}
	out, err := h.Runner.Run(ctx, command(append([]string{getent, "passwd", "--"}, users...)...))
	var exit *exitError
	if errors.As(err, &exit) && exit.code == 2 {
		out, err = exit.stdout, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up users: %w", err)
	}
	var accounts []account
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 7 {
			return nil, fmt.Errorf("look up users: line %q", strings.TrimSpace(line))
		}
		accounts = append(accounts, account{name: fields[0], uid: fields[2], home: fields[5]})
	}
	return accounts, nil
}

// keyFiles are the files of authorized keys of a user, from any source. sshd is
// not asked for a user who is only let in beside others: what it says for those
// holds, unless a Match block tells them apart, which is a finding of its own.
func keyFiles(a account, s *facts.SSHD) ([]string, error) {
	cells := cellsOf(s)
	isOwn := func(c facts.SSHDCell) bool { return c.User == a.name }
	asked := slices.ContainsFunc(cells, isOwn)
	if len(cells) == 0 {
		return nil, fmt.Errorf("keys of %s: sshd did not say where it reads them from", a.name)
	}
	var patterns []string
	for _, cell := range cells {
		if !asked || isOwn(cell) {
			patterns = append(patterns, strings.Fields(strings.Join(cell.Settings["authorizedkeysfile"], " "))...)
		}
	}
	var files []string
	for _, pattern := range patterns {
		file, err := expandKeyFile(pattern, a)
		if err != nil {
			return nil, err
		}
		if file != "" && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files, nil
}

func cellsOf(s *facts.SSHD) []facts.SSHDCell {
	if s == nil {
		return nil
	}
	return s.Cells
}

// expandKeyFile puts a user's values for the tokens of AuthorizedKeysFile.
func expandKeyFile(pattern string, a account) (string, error) {
	if pattern == "none" {
		return "", nil
	}
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			out.WriteByte(pattern[i])
			continue
		}
		i++
		value, found := map[string]string{"%": "%", "h": a.home, "u": a.name, "U": a.uid}[pattern[i:min(i+1, len(pattern))]]
		if !found {
			return "", fmt.Errorf("AuthorizedKeysFile %q: unknown token", pattern)
		}
		out.WriteString(value)
	}
	file := out.String()
	if !path.IsAbs(file) {
		file = path.Join(a.home, file)
	}
	return file, nil
}
