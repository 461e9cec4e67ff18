package addons

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

var (
	// userForm is NAME:HASH with bcrypt or apr1. Traefik would take SHA-1 too, which
	// is guessed at once.
	userForm = regexp.MustCompile(`^[^:\s]{1,64}:(\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}|\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22})$`)

	errUserLine = errors.New("not NAME:HASH with bcrypt or apr1")
	errNoUser   = errors.New("holds no user, so that nobody could come in")
)

const htpasswdHint = "make the lines by htpasswd -nB NAME"

// htpasswd checks the lines and brings them into the one form that is compared
// and applied. Errors name the line's number, never what stands there.
func htpasswd(users inventory.Secret) (inventory.Secret, error) {
	var out []string
	n := 0
	for line := range strings.Lines(users.Reveal()) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !userForm.MatchString(line) {
			return inventory.Secret{}, machine.WithHint(fmt.Errorf("basicAuth.users: line %d: %w", n, errUserLine), htpasswdHint)
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		return inventory.Secret{}, machine.WithHint(fmt.Errorf("basicAuth.users: %w", errNoUser), htpasswdHint)
	}
	return inventory.NewSecret(strings.Join(out, "\n") + "\n"), nil
}
