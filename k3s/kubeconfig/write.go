package kubeconfig

import (
	"encoding/base64"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// For writes a kubeconfig for the user, in which cluster, user and context
// have the cluster's name, and server is where the API is reached from there.
func For(c Config, name, server string) ([]byte, error) {
	c.Server = server
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("write the kubeconfig: %w", err)
	}
	text := base64.StdEncoding.EncodeToString
	out, err := yaml.Marshal(document{
		APIVersion:     "v1",
		Kind:           "Config",
		Clusters:       []namedCluster{{name, clusterInfo{CA: text(c.CA), Server: server}}},
		Users:          []namedUser{{name, userInfo{Certificate: text(c.Certificate), Key: text(c.Key)}}},
		Contexts:       []namedContext{{name, contextInfo{Cluster: name, User: name}}},
		CurrentContext: name,
	})
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig: %w", err)
	}
	return out, nil
}
