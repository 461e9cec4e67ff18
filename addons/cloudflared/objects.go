package cloudflared

import (
	"crypto/sha256"
	"fmt"

	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
)

// Namespace is where the pods are.
const Namespace = "k3sedge-tunnel"

const (
	name              = "cloudflared"
	tokenSecret       = "cloudflared-token"
	tokenKey          = "token"
	credentialsSecret = "cloudflared-credentials"
	credentialsKey    = "credentials.json"
	configKey         = "config.yaml"
	configFolder      = "/etc/cloudflared/config"
	credentialsFolder = "/etc/cloudflared/credentials"
	metricsPort       = 2000

	// tunnelAnnotation says on the Secret which tunnel it is for, tokenSum and
	// configSum on the pods what they have been started with.
	tunnelAnnotation = "k3sedge.dev/tunnel"
	tokenSum         = "k3sedge.dev/token"
	configSum        = "k3sedge.dev/config"
)

func meta(name string) object.Meta {
	return object.Meta{Name: name, Namespace: Namespace, Labels: labels()}
}

func labels() map[string]string { return map[string]string{"app.kubernetes.io/name": name} }

// Objects are what serves the tunnel, in the order in which they are made. The
// namespace admits pods on the host's network, which the rest of the cluster does not.
func Objects(c inventory.Cluster, services []inventory.Service, k cloudflare.Connector) ([]object.Object, error) {
	out := []object.Object{
		object.Namespace{Meta: object.Meta{Name: Namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"}}},
		object.NetworkPolicy{Meta: object.Meta{Name: object.ClosedName, Namespace: Namespace}, Spec: object.Closed()},
		object.ServiceAccount{Meta: meta(name)},
	}
	if !local(c) {
		s := secret(tokenSecret, tokenKey, k.Tunnel, k.Token)
		s.From = map[string]string{tokenKey: "the tunnel's token at Cloudflare (cloudflared tunnel token " + k.Tunnel + ")"}
		return append(out, s, remoteSet(k)), nil
	}
	config, err := configuration(c, services, k.Tunnel)
	if err != nil {
		return nil, err
	}
	s := secret(credentialsSecret, credentialsKey, k.Tunnel, k.Credentials)
	if ref := c.Edge.Tunnel.Credentials; ref != nil {
		s.From = map[string]string{credentialsKey: ref.Shown()}
	}
	return append(out, s,
		object.ConfigMap{Meta: meta(name), Data: map[string]string{configKey: config}},
		localSet(k, config)), nil
}

// stale are the objects of the other kind of management.
func stale(c inventory.Cluster) []string {
	if local(c) {
		return []string{object.Secret{}.Kind().Path(Namespace, tokenSecret)}
	}
	return []string{object.Secret{}.Kind().Path(Namespace, credentialsSecret), object.ConfigMap{}.Kind().Path(Namespace, name)}
}

// all are the paths of whatever we have ever made in the namespace, the pods first.
func all() []string {
	return []string{
		daemonSetPath(), object.ConfigMap{}.Kind().Path(Namespace, name),
		object.Secret{}.Kind().Path(Namespace, tokenSecret), object.Secret{}.Kind().Path(Namespace, credentialsSecret),
		object.ServiceAccount{}.Kind().Path(Namespace, name), object.NetworkPolicy{}.Kind().Path(Namespace, object.ClosedName),
	}
}

func daemonSetPath() string { return object.DaemonSet{}.Kind().Path(Namespace, name) }

func local(c inventory.Cluster) bool {
	return c.Edge.Tunnel != nil && c.Edge.Tunnel.Management == inventory.TunnelLocal
}

func secret(name, key, tunnel string, value inventory.Secret) object.Secret {
	m := meta(name)
	m.Annotations = map[string]string{tunnelAnnotation: tunnel}
	return object.Secret{Meta: m, Type: "Opaque", Hidden: map[string]inventory.Secret{key: value}}
}

// sum tells one text from another without saying anything about it: a pod that
// was started with another one has to be started anew.
func sum(text string) string {
	const half = sha256.Size / 2
	all := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%x", all[:half])
}
