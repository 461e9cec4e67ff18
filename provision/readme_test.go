package provision

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
)

// The quick start has to show, line by line, what preflight will ask for with
// the settings that `k3sedge init` writes.
func TestReadmeShowsTheSetupThatPreflightWants(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	c := inventory.Cluster{Provider: inventory.Provider{Proxmox: &inventory.Proxmox{
		Token: inventory.Token{ID: "k3sedge@pve!edge"}, Node: "pve", Pool: "k3sedge", Image: &inventory.Image{},
	}}}
	inventory.Default(&c)
	for _, line := range SetupLines(*c.Provider.Proxmox, 9) {
		if !strings.Contains(string(readme), "   "+line+"\n") {
			t.Errorf("README.md lacks: %s", line)
		}
	}
}
