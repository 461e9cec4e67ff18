package gitops

import (
	"bytes"
	_ "embed" // the templates
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/k3sedge/k3sedge/addons/object"
)

//go:embed readme.md.tmpl
var readme string

const secretsFile = "secrets.txt"

// words are the files for people.
func (b *builder) words() error {
	t, err := template.New("README.md").Parse(readme)
	if err != nil {
		return fmt.Errorf("read the template of README.md: %w", err)
	}
	var out bytes.Buffer
	about := map[string]any{
		"Cluster": b.Cluster, "Format": string(b.Format), "Folder": b.Path,
		"Named": len(b.named) > 0, "Sealed": b.sealed, "Secrets": secretsFile,
	}
	if err := t.Execute(&out, about); err != nil {
		return fmt.Errorf("write README.md: %w", err)
	}
	b.out["README.md"] = out.Bytes()
	if len(b.named) > 0 {
		b.out[secretsFile] = list(b.named)
	}
	return nil
}

// list names the secrets that the files do not hold.
func list(secrets []object.Secret) []byte {
	var out bytes.Buffer
	out.WriteString(`# Secrets that are NOT in this folder. Each has to be in the cluster before what
# refers to it works. Export with --seal-with CERT.pem to have them sealed here,
# all but certificates, or make them by another way, with these names and keys.
`)
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAMESPACE\tNAME\tTYPE\tKEY\tFILLED BY")
	for _, s := range secrets {
		for _, key := range slices.Sorted(maps.Keys(s.Hidden)) {
			from := s.From[key]
			if from == "" {
				from = "k3sedge up"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Namespace, s.Name, s.Type, key, strings.ReplaceAll(from, "\n", " "))
		}
	}
	_ = t.Flush() // into memory
	return out.Bytes()
}
