package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// TestOrderOfTheEdge: what somebody needs is there before him and goes after him.
func TestOrderOfTheEdge(t *testing.T) {
	t.Parallel()
	flare := &inventory.Cloudflare{Zones: []string{"example.org"}}
	signed := &inventory.Certificates{Issuer: inventory.IssuerProduction}
	for want, edge := range map[string]inventory.Edge{
		"cloudflared services certmanager":                                          {Mode: inventory.EdgeLAN},
		"cloudflare cloudflared withdraw services publish certmanager":              {Mode: inventory.EdgeLAN, Cloudflare: flare},
		"certmanager cloudflare cloudflared withdraw services publish certificates": {Mode: inventory.EdgeLAN, Cloudflare: flare, Certificates: signed},
	} {
		streams := testStreams(nil, nil)
		streams.Getenv = func(name string) (string, bool) { return t.TempDir(), name == "HOME" }
		st := &site{streams: streams, file: filepath.Join(t.TempDir(), "k3sedge.yaml")}
		st.project.Cluster = inventory.Cluster{K3s: &inventory.K3s{}, Edge: &edge}
		for name, stages := range map[string]func() ([]converge.Stage, error){"up": st.edgeStages, "plan": st.edgePlan} {
			all, err := stages()
			var names []string
			for _, s := range all {
				names = append(names, s.Name)
			}
			if got := strings.Join(names, " "); got != want || err != nil {
				t.Errorf("%s: %s, want %s, %v", name, got, want, err)
			}
		}
	}
}
