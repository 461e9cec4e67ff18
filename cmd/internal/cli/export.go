package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/addons/gitops"
	"github.com/k3sedge/k3sedge/inventory"
)

// exportOptions are the flags of `k3sedge export`.
type exportOptions struct {
	file, to, format, output string
	sealWith, repo, path     string
}

func newExportCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "export", Usage: "write what is applied to the cluster into a folder, for a GitOps engine",
		Description: `Writes every object that k3sedge up would apply: one file for each part, and one for
each service. The cluster is not asked, unless nothing else shows that the tunnel at
Cloudflare is its own. Secrets are never written in plain: they are sealed with the
certificate of your sealed-secrets controller, or only named in secrets.txt. The folder
is written whole or not at all, and the next export replaces it.`,
		Flags: []cli.Flag{
			fileFlag(),
			&cli.StringFlag{Name: "to", Usage: "the `DIR` to write: new, empty, or a former export"},
			choiceFlag("format", "what shall own it, the `ENGINE`", string(gitops.YAML), string(gitops.Kustomize), string(gitops.Flux), string(gitops.ArgoCD)),
			&cli.StringFlag{Name: "seal-with", Usage: "`CERT.pem` of the sealed-secrets controller, from kubeseal --fetch-cert"},
			&cli.StringFlag{Name: "repo", Usage: "`URL` of the repository as Argo CD reaches it, for --format argocd"},
			&cli.StringFlag{Name: "path", Usage: "where the folder lies in its repository, the `PATH`; found by itself in a clone"},
			outputFlag("`FORMAT` of the result"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			o := exportOptions{c.String("file"), c.String("to"), c.String("format"), c.String("output"), c.String("seal-with"), c.String("repo"), c.String("path")}
			if err := o.check(); err != nil {
				return err
			}
			return runExport(c.Context, s, o)
		},
	}, "", `k3sedge export --to deploy/edge
k3sedge export --to deploy/edge --format flux --seal-with cert.pem
k3sedge export --to deploy/edge --format argocd --repo https://git.example.org/ops/edge.git
kubectl apply --server-side --field-manager=k3sedge -f deploy/edge`)
}

func (o exportOptions) check() error {
	repo, err := url.Parse(o.repo)
	switch {
	case o.to == "":
		return usagef("name the folder: --to DIR", "export: --to is missing")
	case o.repo == "" && o.format == string(gitops.ArgoCD):
		return usagef("name it by --repo, as Argo CD reaches it", "an Application of Argo CD names its repository")
	case o.repo != "" && o.format != string(gitops.ArgoCD):
		return usagef("take it out, or write --format argocd", "--repo is for --format argocd")
	}
	if strings.Contains(o.repo, "://") && (err != nil || strings.HasPrefix(repo.Scheme, "http") && repo.User != nil) {
		return usagef("write it without; Argo CD keeps what opens a repository itself", "--repo holds a name or a password, which would be written into the export, or is no address")
	}
	return nil
}

func runExport(ctx context.Context, s Streams, o exportOptions) error {
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
	folder, err := gitops.Open(o.to, st.project.Cluster.Name)
	if errors.Is(err, gitops.ErrTaken) {
		err = usageError{err}
	}
	if err != nil {
		return err
	}
	e := gitops.Export{Cluster: st.project.Cluster.Name, Format: gitops.Format(o.format), Repo: o.repo, Path: o.inRepository()}
	if e.Seal, err = st.sealer(o.sealWith); err != nil {
		return err
	}
	if e.Groups, err = st.exported(ctx, e.Seal != nil); err != nil {
		return err
	}
	files, counts, err := e.Files(folder.Former)
	if err != nil {
		return err
	}
	changed, err := folder.Write(e.Format, files)
	if err != nil {
		return err
	}
	return exportResult{"export", o.to, o.format, slices.Sorted(maps.Keys(files)), changed, counts}.print(s, o.output)
}

// sealer takes the controller's certificate, and the key by which a later
// export knows what has not changed. Without a certificate there is none.
func (st *site) sealer(file string) (*gitops.Sealer, error) {
	if file == "" {
		return nil, nil
	}
	cert, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("kubeseal --fetch-cert > cert.pem gets the one of your cluster's controller", "--seal-with: %w", err)
	}
	key, err := st.dir.secretKey("export.key")
	if err != nil {
		return nil, err
	}
	sealer, err := gitops.NewSealer(cert, key, st.streams.Now())
	if err != nil {
		return nil, usageError{fmt.Errorf("--seal-with %s: %w", file, err)}
	}
	return sealer, nil
}

// secretKey is a key that never leaves the state folder. One that is lost
// makes nothing unreadable, so that a new one is made.
func (d stateDir) secretKey(name string) ([]byte, error) {
	const size = 32
	if key, err := os.ReadFile(d.path(name)); err == nil && len(key) == size {
		return key, nil
	}
	if err := d.make(); err != nil {
		return nil, err
	}
	key := make([]byte, size)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, inventory.Replace(d.path(name), key, 0o600)
}

// inRepository is where the folder lies in the clone that it is in; where it
// is in none, its own name is the best guess.
func (o exportOptions) inRepository() string {
	if o.path != "" {
		return path.Clean(filepath.ToSlash(o.path))
	}
	dir, err := filepath.Abs(o.to)
	if err != nil {
		return filepath.Base(o.to)
	}
	for root := filepath.Dir(dir); ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
			inside, _ := filepath.Rel(root, dir) // it is below
			return filepath.ToSlash(inside)
		}
		if root == filepath.Dir(root) {
			return filepath.Base(dir)
		}
	}
}

// exportResult is what was written.
type exportResult struct {
	Kind    string        `json:"kind"` // export
	To      string        `json:"to"`
	Format  string        `json:"format"`
	Files   []string      `json:"files"`
	Changed bool          `json:"changed"`
	Secrets gitops.Counts `json:"secrets"`
}

func (r exportResult) print(s Streams, output string) error {
	if out := r.Secrets.Named + r.Secrets.Filled; out > 0 {
		hint := ""
		if r.Secrets.Named > 0 {
			hint = "--seal-with CERT.pem seals all but certificates for your cluster's sealed-secrets controller"
		}
		warn(s, fmt.Sprintf("%s not in the files; %s names what the cluster needs", counted(out, "secret is", "secrets are"), filepath.Join(r.To, "secrets.txt")), hint)
	}
	if output == "json" {
		return json.NewEncoder(s.Out).Encode(r)
	}
	for _, name := range r.Files {
		fmt.Fprintln(s.Out, filepath.Join(r.To, filepath.FromSlash(name)))
	}
	if r.Secrets.Anew > 0 {
		fmt.Fprintf(s.Err, "%s sealed anew: new or changed, or the key of the last export is not in .k3sedge\n", counted(r.Secrets.Anew, "secret was", "secrets were"))
	}
	if !r.Changed {
		fmt.Fprintln(s.Err, "no change: the folder holds the same already")
	}
	return nil
}
