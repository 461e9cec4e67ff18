package agent

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/control"
)

// restConfig writes a kubeconfig as K3s does and gives the same for our use.
func restConfig(server, file, cert, ca string) (*rest.Config, error) {
	cluster := &api.Cluster{Server: server, CertificateAuthority: ca}
	user := &api.AuthInfo{ClientCertificate: cert + ".crt", ClientKey: cert + ".key"}
	if err := control.WriteKubeconfig(file, cluster, user); err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            server,
		TLSClientConfig: rest.TLSClientConfig{CAFile: ca, CertFile: cert + ".crt", KeyFile: cert + ".key"},
		QPS:             50, Burst: 100, // what kubelet has
	}, nil
}

// APIServers asks for the addresses of all servers.
func (j *Join) APIServers(ctx context.Context) ([]string, error) {
	b, err := j.Get(ctx, "apiservers")
	if err != nil {
		return nil, err
	}
	var out []string
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("read list of servers: %w", err)
	}
	return out, nil
}
