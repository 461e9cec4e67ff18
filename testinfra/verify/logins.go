package verify

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/k3sedge/k3sedge/inventory"
)

// nobody is a user that no machine has.
const nobody = "k3sedge-nobody"

// newKey makes a key pair that nobody knows.
func newKey() (private, public []byte, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, nil, fmt.Errorf("write a key: %w", err)
	}
	line, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, nil, fmt.Errorf("write a key: %w", err)
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(line), nil
}

// pinned compares what each machine shows with what is pinned, and tries a
// wrong pin.
func pinned(ctx context.Context, r *Run) error {
	pins, err := r.pins()
	if err != nil {
		return err
	}
	var f findings
	owner := map[string]string{}
	for _, n := range r.cluster.Nodes {
		keys := pins.Get(n.Name)
		if len(keys) != 1 {
			f.add("%s: %d host keys are pinned, want one", n.Name, len(keys))
			continue
		}
		if other := owner[keys[0]]; other != "" {
			f.add("%s and %s have the same host key", other, n.Name)
		}
		owner[keys[0]] = n.Name
		shown, err := r.shownKey(ctx, n, keys[0])
		if err != nil {
			return err
		}
		if shown != keys[0] {
			f.add("%s shows the host key %q, pinned is %q", n.Name, shown, keys[0])
		}
	}
	if _, err := r.machines(ctx); err != nil { // logins that take no other key than the pinned one
		return err
	}
	if err := r.wrongPin(ctx, &f); err != nil {
		return err
	}
	if r.cluster.Provider.Proxmox != nil {
		if err := r.ownMachines(ctx, &f); err != nil {
			return err
		}
	}
	return f.err()
}

// shownKey is the host key that a machine shows of the pinned one's kind. A
// machine behind a jump host shows it only to the logins.
func (r *Run) shownKey(ctx context.Context, n inventory.Node, want string) (string, error) {
	if r.cluster.SSH.Jump != nil {
		return want, nil
	}
	kind, _, _ := strings.Cut(want, " ")
	o, err := run(ctx, r.site.Operator, nil, "ssh-keyscan", "-T", "20", "-t", strings.TrimPrefix(kind, "ssh-"), "-p", strconv.Itoa(r.cluster.SSH.Port), n.Address.String())
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(o.stdout) {
		if f := strings.Fields(line); len(f) >= 3 && f[1] == kind {
			return f[1] + " " + f[2], nil
		}
	}
	return "", fmt.Errorf("%s shows no host key: %s", n.Name, tail(o.stderr))
}

// wrongPin has k3sedge look at the first node with another key pinned for it,
// in a folder that differs from the project in this alone.
func (r *Run) wrongPin(ctx context.Context, f *findings) error {
	victim := r.cluster.Nodes[0]
	dir, err := r.likeProject()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	_, public, err := newKey()
	if err != nil {
		return err
	}
	address := victim.Address.String()
	if r.cluster.SSH.Port != 22 {
		address = "[" + address + "]:" + strconv.Itoa(r.cluster.SSH.Port)
	}
	line := victim.Name + "," + address + " " + string(public)
	if err := os.WriteFile(filepath.Join(dir, ".k3sedge", "known_hosts"), []byte(line), 0o600); err != nil {
		return fmt.Errorf("pin a wrong host key: %w", err)
	}
	o, err := r.k3sedgeAt(ctx, filepath.Join(dir, "k3sedge.yaml"), -1, "harden", "--check", "--only", "SSH-01", "--node", victim.Name)
	if err != nil {
		return err
	}
	if o.code != 4 || !strings.Contains(o.stderr, victim.Name) || !strings.Contains(o.stderr, "host key") {
		f.add("with a wrong host key pinned, k3sedge looked at %s with exit code %d, want 4 and its name: %s", victim.Name, o.code, tail(o.stderr))
	}
	return nil
}

// likeProject makes a folder beside the project, so that relative paths hold,
// with links to all of it but its state.
func (r *Run) likeProject() (string, error) {
	project, err := filepath.Abs(r.site.Project)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(filepath.Dir(project), ".k3sedge-verify-")
	if err != nil {
		return "", fmt.Errorf("make a folder beside the project: %w", err)
	}
	entries, err := os.ReadDir(project)
	for _, e := range entries {
		if err == nil && e.Name() != ".k3sedge" {
			err = os.Symlink(filepath.Join(project, e.Name()), filepath.Join(dir, e.Name()))
		}
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, ".k3sedge"), 0o700)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("make a folder like the project: %w", err)
	}
	return dir, nil
}

// ownMachines wants Proxmox to have the machines as they were made: number,
// name and mark are what the stage looks for.
func (r *Run) ownMachines(ctx context.Context, f *findings) error {
	p, err := r.plan(ctx)
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, e := range p.events {
		if e.Stage == "machines" && e.Kind == "step-holds" {
			held[e.Subject] = true
		}
		if e.Stage == "machines" && e.Kind == "step-differs" {
			f.add("%s at Proxmox is not as it was made: %s", e.Subject, e.Step)
		}
	}
	for _, n := range r.cluster.Nodes {
		if !held[n.Name] {
			f.add("nothing tells that the machine of %s is there at Proxmox", n.Name)
		}
	}
	return nil
}

// attempt is a login that must not succeed.
type attempt struct {
	node, user string
	in         bool
	methods    string // with which the machine lets one go on
}

var deniedLine = regexp.MustCompile(`Permission denied \(([^)]*)\)`)

// strangers try to log in at each node: the admin and a user that nobody has
// with a key that nobody knows, root with the admin's keys too.
func (r *Run) strangers(ctx context.Context) ([]attempt, error) {
	return r.seen.strangers.get(func() ([]attempt, error) {
		private, _, err := newKey()
		if err != nil {
			return nil, err
		}
		key := filepath.Join(r.dir, "unknown")
		if err := os.WriteFile(key, private, 0o600); err != nil {
			return nil, fmt.Errorf("keep a key: %w", err)
		}
		var out []attempt
		var mu sync.Mutex
		err = r.eachNode(func(n inventory.Node) error {
			for _, user := range []string{r.cluster.SSH.User, "root", nobody} {
				options := r.sshOptions(key)
				if user == "root" {
					options = r.sshOptions(append(slices.Clone(r.cluster.SSH.Identities), key)...)
				} else {
					options = append(options, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none")
				}
				a, err := r.try(ctx, n, user, options)
				if err != nil {
					return err
				}
				mu.Lock()
				out = append(out, a)
				mu.Unlock()
			}
			return nil
		})
		return out, err
	})
}

// try logs in. How it is refused says what else would have been asked for.
func (r *Run) try(ctx context.Context, n inventory.Node, user string, options []string) (attempt, error) {
	o, err := run(ctx, r.site.Operator, nil, r.sshArgs(n, user, options, "true")...)
	a := attempt{node: n.Name, user: user, in: o.code == 0}
	if err != nil || a.in {
		return a, err
	}
	m := deniedLine.FindStringSubmatch(o.stderr)
	if m == nil {
		return a, fmt.Errorf("log in at %s as %s: neither in nor refused: %s", n.Name, user, tail(o.stderr))
	}
	a.methods = m[1]
	return a, nil
}

// logins hands every attempt, and what sshd's files say to its user, to judge.
func (r *Run) logins(ctx context.Context, judge func(a attempt, sshd map[string]string, f *findings)) error {
	machines, err := r.machines(ctx)
	if err != nil {
		return err
	}
	attempts, err := r.strangers(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, a := range attempts {
		judge(a, machines[a.node].SSHD[a.user], &f)
	}
	return f.err()
}

func passwordsRefused(ctx context.Context, r *Run) error {
	return r.logins(ctx, func(a attempt, sshd map[string]string, f *findings) {
		if !a.in && a.methods != "publickey" {
			f.add("%s offers %s the methods %s, want publickey alone", a.node, a.user, a.methods)
		}
		for _, keyword := range []string{"passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords"} {
			if sshd[keyword] != "no" {
				f.add("%s: sshd has %s %q for %s, want no", a.node, keyword, sshd[keyword], a.user)
			}
		}
	})
}

func rootRefused(ctx context.Context, r *Run) error {
	return r.logins(ctx, func(a attempt, sshd map[string]string, f *findings) {
		if a.user != "root" {
			return
		}
		if a.in {
			f.add("root logs in at %s", a.node)
		}
		if sshd["permitrootlogin"] != "no" {
			f.add("%s: sshd has permitrootlogin %q, want no", a.node, sshd["permitrootlogin"])
		}
	})
}

func unknownKeyRefused(ctx context.Context, r *Run) error {
	err := r.logins(ctx, func(a attempt, _ map[string]string, f *findings) {
		if a.in && a.user != "root" {
			f.add("%s logs in at %s with a key that nobody knows", a.user, a.node)
		}
	})
	if err != nil {
		return err
	}
	return r.controlsHold(ctx, "SSH-12", "SSH-16") // other keys, of other users
}
