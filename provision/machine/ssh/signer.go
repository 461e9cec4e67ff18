package ssh

import (
	"context"
	"fmt"
	"io"
	"slices"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// prepare settles whom to expect and what to log in with, before the first
// packet.
func (a *attempt) prepare(ctx context.Context) error {
	for _, line := range a.cfg.pinned() {
		key, err := parseKey(line)
		if err != nil {
			return fmt.Errorf("read pinned key of %s: %w", a.cfg.name(), err)
		}
		a.pins = append(a.pins, key)
	}
	if len(a.pins) == 0 {
		return a.cfg.unreachable(machine.HostKeyUnknown, nil)
	}
	var err error
	if a.offer, err = a.cfg.Auth.offer(ctx); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("connect to %s: %w", a.cfg.name(), context.Cause(ctx))
	}
	return a.noIdentity(err)
}

func (a *attempt) signers() []xssh.Signer {
	signers := make([]xssh.Signer, len(a.offer.keys))
	for i, k := range a.offer.keys {
		signers[i] = watchedSigner{k, a}
	}
	return signers
}

// watchedSigner stops the clock of the handshake while a key signs, which may
// mean that a person types a passphrase or touches a token, and notes if it
// could not.
type watchedSigner struct {
	offered
	attempt *attempt
}

// Sign signs with the key's own algorithm.
func (s watchedSigner) Sign(random io.Reader, data []byte) (*xssh.Signature, error) {
	return s.SignWithAlgorithm(random, data, "")
}

// SignWithAlgorithm signs.
func (s watchedSigner) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*xssh.Signature, error) {
	s.attempt.patience.Stop()
	defer s.attempt.patience.Reset(s.attempt.pace.handshake)
	signature, err := s.AlgorithmSigner.SignWithAlgorithm(random, data, algorithm)
	if err != nil {
		s.attempt.identity = fmt.Errorf("sign with key from %s: %w", s.from, err)
	}
	return signature, err
}

// algorithmsFor puts the types of the pinned keys first, so that a server
// with keys of several types shows the one that was pinned. The others follow
// only so that a server that lost it can be named: what it shows then is
// never accepted.
func algorithmsFor(pins []xssh.PublicKey) []string {
	var wanted []string
	for _, key := range pins {
		wanted = append(wanted, algorithmsOf(key.Type())...)
	}
	for _, t := range []string{xssh.KeyAlgoED25519, xssh.KeyAlgoECDSA256, xssh.KeyAlgoECDSA384, xssh.KeyAlgoECDSA521, xssh.KeyAlgoRSA} {
		wanted = append(wanted, algorithmsOf(t)...)
	}
	var unique []string
	for _, name := range wanted {
		if !slices.Contains(unique, name) {
			unique = append(unique, name)
		}
	}
	return unique
}

// algorithmsOf returns the signature algorithms for a key type; RSA with
// SHA-1 is not among them.
func algorithmsOf(keyType string) []string {
	if keyType == xssh.KeyAlgoRSA {
		return []string{xssh.KeyAlgoRSASHA512, xssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}
