package control

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfigs writes the kubeconfigs of the server's own parts, which name
// their certificates by file.
func (p Plane) Kubeconfigs() error {
	server := fmt.Sprintf("https://127.0.0.1:%d", APIPort)
	for name, user := range map[string]string{
		"admin": "client-admin", "supervisor": "client-supervisor",
		"controller": "client-controller", "scheduler": "client-scheduler",
		"api-server": "client-kube-apiserver",
	} {
		user := &api.AuthInfo{ClientCertificate: p.tls(user + ".crt"), ClientKey: p.tls(user + ".key")}
		cluster := &api.Cluster{Server: server, CertificateAuthority: p.tls("server-ca.crt")}
		if err := WriteKubeconfig(p.cred(name+".kubeconfig"), cluster, user); err != nil {
			return err
		}
	}
	return nil
}

// WriteKubeconfig writes one cluster and one user, under K3s' name for both.
func WriteKubeconfig(file string, cluster *api.Cluster, user *api.AuthInfo) error {
	const name = "default"
	c := api.Config{
		Clusters:       map[string]*api.Cluster{name: cluster},
		AuthInfos:      map[string]*api.AuthInfo{name: user},
		Contexts:       map[string]*api.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	}
	b, err := clientcmd.Write(c)
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return writeSecret(file, b)
}

// WriteAdmin writes the kubeconfig for people, with everything in it.
func (p Plane) WriteAdmin(mode os.FileMode) error {
	cluster := &api.Cluster{Server: fmt.Sprintf("https://127.0.0.1:%d", p.Config.HTTPSPort)}
	user := &api.AuthInfo{}
	for name, into := range map[string]*[]byte{
		"server-ca.crt": &cluster.CertificateAuthorityData, "client-admin.crt": &user.ClientCertificateData,
		"client-admin.key": &user.ClientKeyData,
	} {
		b, err := os.ReadFile(p.tls(name))
		if err != nil {
			return fmt.Errorf("read what the kubeconfig holds: %w", err)
		}
		*into = b
	}
	file := p.Config.WriteKubeconfig
	if err := WriteKubeconfig(file, cluster, user); err != nil {
		return err
	}
	if err := os.Chmod(file, mode); err != nil {
		return fmt.Errorf("set mode of %s: %w", filepath.Base(file), err)
	}
	return nil
}
