package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// output is how a command ended.
type output struct {
	code           int
	stdout, stderr string
}

// run runs a command to its end. An error means that it did not begin, or was ended.
func run(ctx context.Context, command Command, stdin []byte, argv ...string) (output, error) {
	cmd, err := command(ctx, argv...)
	if err != nil {
		return output{}, err
	}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = 2 * time.Second
	}
	err = cmd.Run()
	o := output{stdout: out.String(), stderr: errs.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return o, context.Cause(ctx)
	case errors.As(err, &exit):
		o.code = exit.ExitCode()
	case err != nil:
		return o, fmt.Errorf("run %s: %w", argv[0], err)
	}
	return o, nil
}

// k3sedge runs the binary and wants an exit code, or any with -1.
func (r *Run) k3sedge(ctx context.Context, code int, args ...string) (output, error) {
	return r.k3sedgeAt(ctx, r.site.file(), code, args...)
}

func (r *Run) k3sedgeAt(ctx context.Context, file string, code int, args ...string) (output, error) {
	r.say("k3sedge %s", strings.Join(args, " "))
	o, err := run(ctx, r.site.Operator, nil, append(append([]string{r.site.K3sedge}, args...), "--file", file)...)
	if err == nil && code >= 0 && o.code != code {
		err = fmt.Errorf("k3sedge %s ended with %d, not %d: %s", strings.Join(args, " "), o.code, code, tail(o.stderr+o.stdout))
	}
	return o, err
}

// tail is the end of an output, which is where reasons are.
func tail(text string) string {
	text = strings.TrimSpace(text)
	const most = 1500
	if len(text) > most {
		text = "…" + strings.ToValidUTF8(text[len(text)-most:], "")
	}
	return text
}

// sshOptions are those of every login: the project's pins, its keys, no question.
func (r *Run) sshOptions(identities ...string) []string {
	out := []string{"-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "StrictHostKeyChecking=yes",
		"-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=6", "-o", "LogLevel=ERROR",
		"-o", "UserKnownHostsFile=" + filepath.Join(r.site.Project, ".k3sedge", "known_hosts")}
	for _, id := range identities {
		out = append(out, "-i", id)
	}
	return out
}

// sshArgs is a login at a node, through the jump host if there is one.
func (r *Run) sshArgs(n inventory.Node, user string, options []string, command ...string) []string {
	argv := append([]string{"ssh"}, options...)
	if jump := r.cluster.SSH.Jump; jump != nil {
		host, port, err := net.SplitHostPort(jump.Address)
		if err != nil {
			host, port = jump.Address, "22"
		}
		hop := append([]string{"ssh"}, r.sshOptions(r.cluster.SSH.Identities...)...)
		hop = append(hop, "-p", port, "-o", "HostKeyAlias=ssh.jump", "-W", "%h:%p", jump.User+"@"+host)
		argv = append(argv, "-o", "ProxyCommand="+machine.Quote(hop))
	}
	argv = append(argv, "-o", "HostKeyAlias="+n.Name, "-p", strconv.Itoa(r.cluster.SSH.Port), user+"@"+n.Address.String(), "--")
	return append(argv, command...)
}

// onNode runs a shell command on a node as the admin.
func (r *Run) onNode(ctx context.Context, n inventory.Node, stdin, script string) (output, error) {
	return run(ctx, r.site.Operator, []byte(stdin), r.sshArgs(n, r.cluster.SSH.User, r.sshOptions(r.cluster.SSH.Identities...), script)...)
}

// mustOnNode is onNode that has to succeed.
func (r *Run) mustOnNode(ctx context.Context, n inventory.Node, stdin, script string) (string, error) {
	o, err := r.onNode(ctx, n, stdin, script)
	if err == nil && o.code != 0 {
		err = fmt.Errorf("%s: exit code %d of a command there: %s", n.Name, o.code, tail(o.stderr+o.stdout))
	}
	return o.stdout, err
}

// eachNode asks all nodes at the same time.
func (r *Run) eachNode(ask func(n inventory.Node) error) error {
	errs := make([]error, len(r.cluster.Nodes))
	var wg sync.WaitGroup
	for i, n := range r.cluster.Nodes {
		wg.Go(func() { errs[i] = ask(n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// await waits for a condition, and says for what.
func (r *Run) await(ctx context.Context, w converge.Wait, holds func() (bool, error)) error {
	r.say("wait: %s", w.What)
	w.Every = 250 * time.Millisecond
	return w.Until(ctx, func(context.Context) (bool, string, error) {
		ok, err := holds()
		return ok, "", err
	})
}
