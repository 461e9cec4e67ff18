package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening"
)

func TestOffers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "k3sedge.yaml")
	if err := os.MkdirAll(filepath.Join(filepath.Dir(file), "services", "odd"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"git.yaml", "wiki.yaml", "wiki.yaml~", "README"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), "services", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	project := `apiVersion: k3sedge.dev/v1alpha1
kind: Cluster
name: home
id: 0b6f5a0e-6f0a-4a53-9d0f-7d0e6a3c1b2a
provider: {existing: {}}
network: {cidr: 10.0.0.0/24, gateway: 10.0.0.1}
ssh: {agent: true, authorizedKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlMDqpk+V38QQBabicNnZieifIRUVOfs6kGCzsCDSpX]}
nodes: [{name: edge-1, address: 10.0.0.11}, {name: edge-2, address: 10.0.0.12}]
`
	other := filepath.Join(t.TempDir(), "k3sedge.yaml") // whose services have no fault
	if err := os.WriteFile(other, []byte(project), 0o600); err != nil {
		t.Fatal(err)
	}
	app := newApp(testStreams(io.Discard, io.Discard))
	for _, tc := range []struct{ words, want string }{
		{"harden --fail-on |", "low medium high critical"},
		{"harden -o |", "text json"},
		{"add-service x --output |", "text json yaml"},
		{"add-service x --hsts-preload |", ""}, // no value follows
		{"up --wait |", ""},
		{"up --file |", ""},
		{"completion |", "bash zsh fish"},
		{"services -|", "--help --file --output"},
		{"services --output json -|", "--help --file --output"},
		{"remove-service --file FILE |", "git wiki"},
		{"remove-service -o json -f FILE w|", "git wiki"},
		{"remove-service --file elsewhere/k3sedge.yaml |", ""},
		{"dwon |", ""},
		{"harden --format |", "text json sarif junit html"},
		{"harden --profile |", "baseline strict"},
		{"harden --check |", ""},
		{"harden explain S|", strings.Join(hardening.ControlIDs(), " ")},
		{"harden explain --format |", "text json markdown"},
		{"harden controls -|", "--help --format"},
		{"harden --only |", strings.Join(append(hardening.Groups(), hardening.ControlIDs()...), " ")},
		{"harden --node |", ""},
		{"harden --file OTHER --node |", "edge-1 edge-2"},
	} {
		// The | stands for the cursor.
		words := strings.Split(strings.TrimSuffix(strings.NewReplacer("FILE", file, "OTHER", other).Replace(tc.words), "|"), " ")
		if got := strings.Join(offers(app, words), " "); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.words, got, tc.want)
		}
	}
	for _, words := range [][]string{nil, {""}, {"ha"}} {
		if got := offers(app, words); len(got) != len(app.Commands) {
			t.Errorf("%q: got %q", words, got)
		}
	}
}
