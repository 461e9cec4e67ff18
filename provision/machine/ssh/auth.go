package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// maxKeys stays below sshd's default MaxAuthTries of 6: one key more and the
// server hangs up before the right one was offered.
const maxKeys = 5

// agentPatience is how long an agent may take to list its keys; it does not
// ask a person for that.
const agentPatience = 5 * time.Second

var (
	// errNoKey is neither an agent's key nor a key file to log in with; final.
	errNoKey = errors.New("neither ssh.identities nor an SSH agent has a key")
	// errNotInAgent is a public key named as identity that the agent lacks; final.
	errNotInAgent = errors.New("is a public key, and the SSH agent does not hold its private half")
)

// Auth is what a user can log in with. It must not be copied; hosts share it,
// so that no passphrase is asked for twice.
type Auth struct {
	// AgentSocket is the path of the SSH agent's socket, or empty.
	AgentSocket string
	// Identities are paths of private key files, or of public ones whose
	// private half the agent holds. They are offered first, in this order.
	Identities []string
	// Known are the fingerprints of the keys that the hosts are known to take.
	// They are offered before all others: a hardened sshd hangs up after three.
	Known []string
	// Passphrase is asked for the passphrase of the key file at path when a
	// server has accepted that key, at most once a key.
	Passphrase func(path string) (secret []byte, err error)

	mu    sync.Mutex
	files map[string]*identity
}

// offer is the keys of one attempt, in order.
type offer struct {
	keys  []offered
	left  int // keys that did not fit
	agent net.Conn
}

// offered is one key and where it came from.
type offered struct {
	xssh.AlgorithmSigner
	from string
}

// String lists the keys that were offered.
func (o offer) String() string {
	words := make([]string, len(o.keys))
	for i, k := range o.keys {
		words[i] = xssh.FingerprintSHA256(k.PublicKey()) + " from " + k.from
	}
	if o.left > 0 {
		words = append(words, fmt.Sprintf("not the agent's other %d", o.left))
	}
	return strings.Join(words, ", ")
}

// close ends the connection to the agent; signing is over after the login.
func (o offer) close() {
	if o.agent != nil {
		_ = o.agent.Close()
	}
}

// offer collects the keys to log in with. A broken agent is an error only
// where it would be needed.
func (a *Auth) offer(ctx context.Context) (offer, error) {
	if a == nil {
		return offer{}, errNoKey
	}
	held, conn, agentErr := a.agentKeys(ctx)
	o := offer{agent: conn}
	for _, path := range a.Identities {
		key, err := a.identity(path)
		if err != nil {
			o.close()
			return offer{}, err
		}
		if i := indexOf(held, key.public); i >= 0 {
			o.keys = append(o.keys, offered{held[i].AlgorithmSigner, path + " by the agent"})
			held = append(held[:i:i], held[i+1:]...)
			continue
		}
		if key.locked == nil && key.signer == nil {
			o.close()
			return offer{}, errors.Join(fmt.Errorf("identity %s %w", path, errNotInAgent), agentErr)
		}
		o.keys = append(o.keys, offered{key, path})
	}
	o.keys = append(o.keys, held...)
	o.keys = append(a.known(o.keys, true), a.known(o.keys, false)...)
	if len(o.keys) == 0 {
		o.close()
		return offer{}, errors.Join(errNoKey, agentErr)
	}
	if o.left = max(0, len(o.keys)-maxKeys); o.left > 0 {
		o.keys = o.keys[:maxKeys]
	}
	return o, nil
}

// known are those of the keys that the hosts are known to take, or the others.
func (a *Auth) known(keys []offered, want bool) []offered {
	return slices.DeleteFunc(slices.Clone(keys), func(k offered) bool {
		return slices.Contains(a.Known, xssh.FingerprintSHA256(k.PublicKey())) != want
	})
}

// agentKeys lists the agent's keys; the connection has to stay open for them
// to sign.
func (a *Auth) agentKeys(ctx context.Context) ([]offered, net.Conn, error) {
	if a.AgentSocket == "" {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, agentPatience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", a.AgentSocket)
	if err != nil {
		return nil, nil, machine.WithHint(fmt.Errorf("reach SSH agent: %w", err), "check SSH_AUTH_SOCK, or name a key file in ssh.identities")
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	signers, err := agent.NewClient(conn).Signers()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("list keys of SSH agent: %w", err)
	}
	var held []offered
	for _, s := range signers {
		if as, ok := s.(xssh.AlgorithmSigner); ok {
			held = append(held, offered{as, "the agent"})
		}
	}
	return held, conn, nil
}

func indexOf(keys []offered, public xssh.PublicKey) int {
	for i, k := range keys {
		if public != nil && string(k.PublicKey().Marshal()) == string(public.Marshal()) {
			return i
		}
	}
	return -1
}
