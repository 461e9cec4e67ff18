//go:build linux

package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// How the stand-in calls its only host, and what the project names.
const (
	node       = "pve"
	majorLevel = 9
	tokenID    = "k3sedge@pve!lab"
)

// proxmox is the provider section of a project in this lab, without the
// parts that only a running lab knows.
func proxmox() inventory.Proxmox {
	return inventory.Proxmox{
		Endpoint: "https://" + netip.AddrPortFrom(netip.MustParseAddr(HypervisorIP), 8006).String(),
		Token:    inventory.Token{ID: tokenID}, Node: node, Bridge: "vmbr0",
		VMIDs:   inventory.Range{First: 9000, Last: 9019},
		Storage: inventory.Storage{Disks: "local-lvm", Image: "local", ISO: "local"},
		Image:   &inventory.Image{URL: "http://" + WebIP + "/" + imageName},
	}
}

// access sets the stand-in up with the very commands that k3sedge tells its
// users to type, so that the lab's token has these rights and no other.
func (l *Lab) access() (fakepve.Access, error) {
	secret, err := l.tokenSecret()
	if err != nil {
		return fakepve.Access{}, err
	}
	a := fakepve.Access{Roles: map[string][]string{}}
	for _, line := range provision.SetupLines(proxmox(), majorLevel) {
		if err := typed(&a, line); err != nil {
			return fakepve.Access{}, fmt.Errorf("set up the stand-in with %q: %w", line, err)
		}
	}
	for i := range a.Tokens {
		a.Tokens[i].Secret = secret
	}
	return a, nil
}

// typed does what one pveum command says. What it was not taught is an error.
func typed(a *fakepve.Access, line string) error {
	words, err := splitWords(line)
	if err != nil {
		return err
	}
	if len(words) < 4 || words[0] != "pveum" {
		return errors.New("not a pveum command")
	}
	order, known := orders()[words[1]+" "+words[2]]
	if !known {
		return errors.New("not taught")
	}
	return order(a, words[3:])
}

// orders are the pveum commands that were taught, with what does them.
func orders() map[string]func(*fakepve.Access, []string) error {
	return map[string]func(*fakepve.Access, []string) error{
		"pool add":   func(a *fakepve.Access, rest []string) error { a.Pools = append(a.Pools, rest[0]); return nil },
		"user add":   func(a *fakepve.Access, rest []string) error { a.Users = append(a.Users, rest[0]); return nil },
		"user token": typedToken,
		"role add":   typedRole,
		"acl modify": typedGrant,
	}
}

// typedRole does what `pveum role add` says.
func typedRole(a *fakepve.Access, rest []string) error {
	if len(rest) != 3 || rest[1] != "--privs" {
		return errors.New("want NAME --privs LIST")
	}
	a.Roles[rest[0]] = strings.Fields(strings.ReplaceAll(rest[2], ",", " "))
	return nil
}

// typedToken does what `pveum user token add` says.
func typedToken(a *fakepve.Access, rest []string) error {
	if len(rest) < 3 || rest[0] != "add" || !slices.Equal(rest[3:], []string{"--privsep", "1"}) {
		return errors.New("want add USER NAME --privsep 1")
	}
	a.Tokens = append(a.Tokens, fakepve.Token{ID: rest[1] + "!" + rest[2], PrivSep: true})
	return nil
}

// typedGrant does what `pveum acl modify` says.
func typedGrant(a *fakepve.Access, words []string) error {
	options := map[string]string{}
	for i := 1; i+1 < len(words); i += 2 {
		options[words[i]] = words[i+1]
	}
	role := options["--roles"]
	if len(words)%2 != 1 || role == "" {
		return errors.New("want PATH --roles ROLE --users USER --tokens TOKEN")
	}
	for option, value := range options {
		switch option {
		case "--roles":
		case "--users", "--tokens":
			a.Grants = append(a.Grants, fakepve.Grant{Path: words[0], Who: value, Role: role})
		default:
			return fmt.Errorf("option %s: not taught", option)
		}
	}
	return nil
}

// splitWords splits a line as a shell would that knows quotes and nothing else.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inside, quote := false, rune(0)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inside = r, true
		case quote == 0 && r == ' ':
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inside {
		words = append(words, word.String())
	}
	return words, nil
}

// tokenSecret is the secret of the lab's API token, made up once.
func (l *Lab) tokenSecret() (string, error) { return l.secret("token", uuid) }

// secret is one of the lab's, made up once and kept in a file.
func (l *Lab) secret(file string, makeUp func() string) (string, error) {
	path := filepath.Join(l.state, file)
	data, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read token: %w", err)
	}
	secret := makeUp()
	return secret, writeFile(path, []byte(secret+"\n"), 0o600)
}

// uuid makes up a random UUID.
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
