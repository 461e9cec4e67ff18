package k3s

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// fullToken is a token that names the cluster's authority by its hash, so that
// who joins knows whom it talks to (k3s pkg/clientaccess). The short form
// trusts anybody.
var fullToken = regexp.MustCompile(`K10[0-9a-f]{64}::(server|node):\S+`)

// tokens are the short forms, which only the cluster's first server is told.
type tokens struct{ server, agent secret }

// ownTokens are the tokens of the cluster: those that its first server has, or
// new ones that are kept from now on. They are never changed, because the
// server's is also the key to what etcd keeps.
func (s *site) ownTokens(ctx context.Context) (tokens, error) {
	now, err := s.first.seen(ctx)
	if err != nil {
		return tokens{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens.server != "" {
		return s.tokens, nil
	}
	found, err := now.tokens()
	if err != nil {
		return tokens{}, fmt.Errorf("tokens of %s: %w", s.first.node.Name, err)
	}
	for _, t := range []*secret{&found.server, &found.agent} {
		if *t == "" {
			*t = newToken()
		}
	}
	s.tokens = found
	return found, nil
}

// tokens finds the tokens in config.yaml, and what is not there in the files
// that K3s itself wrote when it started.
func (s *seen) tokens() (tokens, error) {
	var found struct {
		Token secret `yaml:"token"`
		Agent secret `yaml:"agent-token"`
	}
	f, err := s.file(configPath)
	if err != nil {
		return tokens{}, err
	}
	if err := yaml.Unmarshal(f.Content, &found); err != nil {
		// The decoder's words repeat what it could not read.
		return tokens{}, machine.WithHint(fmt.Errorf("%s is not YAML", configPath), "mend it by hand, or remove it: the token is in %s too if K3s ever ran", serverTokenPath)
	}
	for path, into := range map[string]*secret{serverTokenPath: &found.Token, agentTokenPath: &found.Agent} {
		if f, err = s.file(path); err != nil {
			return tokens{}, err
		}
		if *into == "" {
			*into = full(f)
		}
		*into = short(*into) // a server that was not the first one has joined by the full form
	}
	return tokens{found.Token, found.Agent}, nil
}

// short is the part of a full token that its owner made up, or all of a short one.
func short(t secret) secret {
	if !fullToken.MatchString(string(t)) {
		return t
	}
	_, rest, _ := strings.Cut(string(t), "::")
	_, own, _ := strings.Cut(rest, ":")
	return secret(own)
}

// full is the full token in a file, or "".
func full(f look.File) secret { return secret(fullToken.Find(f.Content)) }

func newToken() secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return secret(hex.EncodeToString(b[:]))
}

// joinToken is the full token at path on the first server, which K3s writes
// there once it has an authority; "" before.
func (s *site) joinToken(ctx context.Context, path string) (secret, error) {
	now, err := s.first.seen(ctx)
	if err != nil {
		return "", err
	}
	f, err := now.file(path)
	return full(f), err
}
