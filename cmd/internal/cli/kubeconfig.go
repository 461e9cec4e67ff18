package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s"
	"github.com/k3sedge/k3sedge/k3s/kubeconfig"
)

// kubeconfigOptions are the flags of `k3sedge kubeconfig`.
type kubeconfigOptions struct {
	file, into string
	merge      bool
}

func newKubeconfigCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "kubeconfig", Usage: "print the cluster's kubeconfig, or merge it into yours",
		Description: `Reads it over SSH from the first server and names cluster, user and context after
the cluster. With --merge the other entries of your file, their order and your
comments stay. It is a key to everything: the file is written with mode 0600.`,
		Flags: []cli.Flag{
			fileFlag(),
			switchFlag("merge", "put it into --into, $KUBECONFIG or ~/.kube/config instead of printing it"),
			&cli.StringFlag{Name: "into", Usage: "the `FILE` that --merge changes"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			o := kubeconfigOptions{file: c.String("file"), into: c.String("into"), merge: c.Bool("merge")}
			if o.into != "" && !o.merge {
				return usagef("add --merge, or redirect the output", "--into is for --merge")
			}
			return runKubeconfig(c.Context, s, o)
		},
	}, "", `k3sedge kubeconfig --merge
k3sedge kubeconfig > edge.kubeconfig
kubectl --context edge get nodes`)
}

func runKubeconfig(ctx context.Context, s Streams, o kubeconfigOptions) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, o.file, "")
	if err != nil {
		return err
	}
	defer st.close()
	if err := st.needK3s(); err != nil {
		return err
	}
	data, err := st.servers().Kubeconfig(ctx)
	if err != nil {
		return couldNotLook{err}
	}
	ours, err := kubeconfig.Parse(data)
	if err != nil {
		return fmt.Errorf("read what K3s wrote: %w", err)
	}
	server, tunnel := apiAddress(st.project.Cluster)
	document, err := kubeconfig.For(ours, st.project.Cluster.Name, server)
	if err != nil {
		return err
	}
	if o.merge {
		err = mergeInto(s, o.into, document)
	} else {
		_, err = s.Out.Write(document)
	}
	if err == nil && tunnel != "" {
		fmt.Fprintf(s.Err, "6443 is closed to you; keep this running while you use it, or set k3s.allowFrom:\n  %s\n", tunnel)
	}
	return err
}

// apiAddress is where kubectl finds the API: at the first server where the
// file opens its port to others, else at the near end of an SSH connection.
func apiAddress(c inventory.Cluster) (server, tunnel string) {
	n, _ := k3s.ServerOf(c)
	if len(c.K3s.AllowFrom) > 0 {
		return "https://" + net.JoinHostPort(n.Address.String(), "6443"), ""
	}
	return "https://127.0.0.1:6443", fmt.Sprintf("ssh -N -L 6443:127.0.0.1:6443 -p %d %s@%s", c.SSH.Port, c.SSH.User, n.Address)
}

// mergeInto changes the user's file in one step, or leaves it as it was.
func mergeInto(s Streams, path string, ours []byte) error {
	path, err := kubeconfigPath(s, path)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link into somebody's dotfiles stays a link
	}
	existing, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read your kubeconfig: %w", err)
	}
	merged, err := kubeconfig.Merge(existing, ours, false)
	if err != nil {
		return fmt.Errorf("merge into %s: %w", path, err)
	}
	if err := inventory.Replace(path, merged, 0o600); err != nil {
		return fmt.Errorf("write your kubeconfig: %w", err)
	}
	fmt.Fprintf(s.Err, "merged into %s\n", path)
	return nil
}

// kubeconfigPath is the file that kubectl would change: the first of KUBECONFIG.
func kubeconfigPath(s Streams, path string) (string, error) {
	if path != "" {
		return path, nil
	}
	if list, _ := s.Getenv("KUBECONFIG"); list != "" {
		first, _, _ := strings.Cut(list, string(os.PathListSeparator))
		return first, nil
	}
	home, ok := s.Getenv("HOME")
	if !ok || home == "" {
		return "", usagef("name the file with --into", "there is no HOME to find your kubeconfig in")
	}
	return filepath.Join(home, ".kube", "config"), nil
}
