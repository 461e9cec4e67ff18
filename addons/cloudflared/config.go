package cloudflared

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/inventory"
)

// file is cloudflared's config.yaml.
type file struct {
	Tunnel      string `yaml:"tunnel"`
	Credentials string `yaml:"credentials-file"`
	Ingress     []rule `yaml:"ingress"`
}

type rule struct {
	Hostname string `yaml:"hostname,omitempty"`
	Service  string `yaml:"service"`
}

// configuration is what cloudflared is told with local management. All rules
// are ours there, so that none needs a mark.
func configuration(c inventory.Cluster, services []inventory.Service, tunnel string) (string, error) {
	out := file{Tunnel: tunnel, Credentials: credentialsFolder + "/" + credentialsKey}
	for _, r := range cloudflare.Rules(c, services) {
		out.Ingress = append(out.Ingress, rule{r.Hostname, r.Service})
	}
	out.Ingress = append(out.Ingress, rule{Service: "http_status:404"})
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	if err := enc.Encode(out); err != nil {
		return "", fmt.Errorf("write cloudflared's configuration: %w", err)
	}
	return text.String(), enc.Close()
}
