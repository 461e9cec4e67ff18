package server

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/agent"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

// ErrToken is returned when a server is started with another token than the
// one it was made with.
var ErrToken = errors.New("bootstrap data already found and encrypted with different token")

// tokens are the secrets of a cluster.
type tokens struct{ server, agent string }

// keepTokens finds the secrets - of the settings, of an earlier start, or new
// ones - and writes the files in which K3s tells them.
func keepTokens(dir string, c config.Config, ca []byte) (tokens, error) {
	passwd := filepath.Join(dir, "cred", "passwd")
	old, err := readPasswd(passwd)
	if err != nil {
		return tokens{}, err
	}
	server, err := secretOf(c.Token)
	if err != nil {
		return tokens{}, fmt.Errorf("token: %w", err)
	}
	if server != "" && old.server != "" && server != old.server {
		return tokens{}, ErrToken
	}
	random, err := agent.RandomSecret()
	if err != nil {
		return tokens{}, err
	}
	separate, err := secretOf(c.AgentToken)
	if err != nil {
		return tokens{}, fmt.Errorf("agent-token: %w", err)
	}
	t := tokens{server: cmp.Or(server, old.server, random)}
	t.agent = cmp.Or(separate, t.server)
	lines := fmt.Sprintf("%s,node,node,k3s:agent\n%s,server,server,k3s:server\n", t.agent, t.server)
	if err := os.WriteFile(passwd, []byte(lines), 0o600); err != nil {
		return t, fmt.Errorf("write secrets: %w", err)
	}
	return t, t.write(dir, ca, separate != "")
}

func secretOf(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	t, err := token.Parse(s)
	return t.Secret, err
}

func readPasswd(file string) (tokens, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return tokens{}, nil
	}
	if err != nil {
		return tokens{}, fmt.Errorf("read secrets: %w", err)
	}
	var t tokens
	for line := range strings.Lines(string(b)) {
		fields := strings.Split(line, ",")
		if len(fields) > 1 && fields[1] == "server" {
			t.server = fields[0]
		}
	}
	return t, nil
}

// write puts the full tokens where people find them. Without a separate
// token of the agents, their file leads to the server's.
func (t tokens) write(dir string, ca []byte, separate bool) error {
	main := filepath.Join(dir, "token")
	if err := os.WriteFile(main, []byte(token.Full(ca, "server", t.server)+"\n"), 0o600); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	logrus.Infof("Server node token is available at %s", main)
	links := []string{"node-token"}
	agents := filepath.Join(dir, "agent-token")
	if separate {
		if err := os.Remove(agents); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replace agent token: %w", err)
		}
		if err := os.WriteFile(agents, []byte(token.Full(ca, "node", t.agent)+"\n"), 0o600); err != nil {
			return fmt.Errorf("write agent token: %w", err)
		}
	} else {
		links = append(links, "agent-token")
	}
	logrus.Infof("Agent node token is available at %s", agents)
	for _, name := range links {
		link := filepath.Join(dir, name)
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replace %s: %w", name, err)
		}
		if err := os.Symlink(main, link); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	return nil
}
