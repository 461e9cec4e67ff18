package ssh

import (
	"context"
	"errors"
	"net"

	xssh "golang.org/x/crypto/ssh"
)

// errSeen ends a handshake whose host key was all that was wanted.
var errSeen = errors.New("seen the host key")

// OfferedKey asks the host for its host key, through its jump host if it has
// one, hangs up before any login and sends no credentials. Nobody has vouched
// for the key: it is to be compared with the machine's console.
func (h *Host) OfferedKey(ctx context.Context) (publicKey, fingerprint string, err error) {
	raw, jump, err := reach(ctx, h.cfg, h.pace)
	if err != nil {
		return "", "", err
	}
	if jump != nil {
		defer jump.end(errSeen)
	}
	var seen xssh.PublicKey
	limited, cancel := context.WithTimeoutCause(ctx, h.pace.handshake, errNoAnswer)
	defer cancel()
	a := &attempt{cfg: h.cfg, conn: &countedConn{Conn: raw}}
	_, err = shake(limited, a.conn, &xssh.ClientConfig{
		HostKeyAlgorithms: algorithmsFor(nil),
		HostKeyCallback: func(_ string, _ net.Addr, key xssh.PublicKey) error {
			seen = key
			return errSeen
		},
	})
	if !errors.Is(err, errSeen) {
		return "", "", a.explain(ctx, err)
	}
	return keyLine(seen), xssh.FingerprintSHA256(seen), nil
}
