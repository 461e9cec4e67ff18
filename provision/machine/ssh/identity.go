package ssh

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	xssh "golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/provision/machine"
)

var (
	// errWrongPassphrase is a key file that the passphrase does not open; final.
	errWrongPassphrase = errors.New("wrong passphrase")
	// errNoPassphrase is an encrypted key file and nobody to ask; final.
	errNoPassphrase = errors.New("it is encrypted, and no passphrase is at hand")
	// errNoSigner is a public key used as if it were a private one.
	errNoSigner = errors.New("no private key")
)

// identity is one key file. An encrypted one is opened when it has to sign.
type identity struct {
	path   string
	public xssh.PublicKey
	ask    func(path string) ([]byte, error)

	mu     sync.Mutex
	locked []byte // the encrypted file; nil once it is open
	signer xssh.Signer
	err    error // why it could not be opened; nobody is asked again
}

// identity returns the key file at path, read once.
func (a *Auth) identity(path string) (*identity, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if key, ok := a.files[path]; ok {
		return key, nil
	}
	key, err := readIdentity(path, a.Passphrase)
	if err != nil {
		return nil, machine.WithHint(err, "ssh.identities has to name private key files that you can read; an encrypted one needs ssh.passphrase or the SSH agent")
	}
	if a.files == nil {
		a.files = map[string]*identity{}
	}
	a.files[path] = key
	return key, nil
}

func readIdentity(path string, ask func(string) ([]byte, error)) (*identity, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	key := &identity{path: path, ask: ask}
	signer, err := xssh.ParsePrivateKey(data)
	var encrypted *xssh.PassphraseMissingError
	switch {
	case err == nil:
		key.signer, key.public = signer, signer.PublicKey()
		return key, nil
	case errors.As(err, &encrypted):
		key.locked, key.public = data, encrypted.PublicKey
	default:
		public, _, _, _, notPublic := xssh.ParseAuthorizedKey(data)
		if notPublic != nil {
			return nil, fmt.Errorf("read identity %s: %w", path, err)
		}
		key.public = public
		return key, nil
	}
	if key.public == nil {
		return key, key.findPublic()
	}
	return key, nil
}

// findPublic gets the public half of a key in the old PEM form, which shows
// it only after decryption; the file beside it saves asking too early.
func (k *identity) findPublic() error {
	if data, err := os.ReadFile(k.path + ".pub"); err == nil {
		if k.public, _, _, _, err = xssh.ParseAuthorizedKey(data); err == nil {
			return nil
		}
	}
	signer, err := k.open()
	if err != nil {
		return err
	}
	k.public = signer.PublicKey()
	return nil
}

// PublicKey returns the public half.
func (k *identity) PublicKey() xssh.PublicKey { return k.public }

// Sign signs with the key's own algorithm.
func (k *identity) Sign(random io.Reader, data []byte) (*xssh.Signature, error) {
	return k.SignWithAlgorithm(random, data, "")
}

// SignWithAlgorithm signs, and opens the file first if it is encrypted.
func (k *identity) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*xssh.Signature, error) {
	signer, err := k.open()
	if err != nil {
		return nil, err
	}
	if as, ok := signer.(xssh.AlgorithmSigner); ok {
		return as.SignWithAlgorithm(random, data, algorithm)
	}
	return signer.Sign(random, data)
}

// open decrypts the key file if that has not been tried yet.
func (k *identity) open() (xssh.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signer != nil || k.err != nil {
		return k.signer, k.err
	}
	signer, err := k.decrypt()
	if err != nil {
		k.err = machine.WithHint(fmt.Errorf("decrypt identity %s: %w", k.path, err), "give the passphrase of %s in ssh.passphrase, or add the key to the SSH agent with ssh-add", k.path)
		return nil, k.err
	}
	k.signer = signer
	return signer, nil
}

func (k *identity) decrypt() (xssh.Signer, error) {
	if k.locked == nil {
		return nil, errNoSigner
	}
	if k.ask == nil {
		return nil, errNoPassphrase
	}
	secret, err := k.ask(k.path)
	if err != nil {
		return nil, err
	}
	signer, err := xssh.ParsePrivateKeyWithPassphrase(k.locked, secret)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, errWrongPassphrase
	}
	return signer, err
}
