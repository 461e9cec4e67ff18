package helm

import (
	"fmt"

	"helm.sh/helm/v3/pkg/action"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/sirupsen/logrus"
)

// getter gives the Helm SDK, which wants a kubeconfig, the connection that
// this process has already.
type getter struct {
	admin     *rest.Config
	discovery discovery.CachedDiscoveryInterface
	namespace string
}

// configuration is the SDK's for one namespace, with releases in secrets.
func configuration(admin *rest.Config, namespace string) (*action.Configuration, error) {
	client, err := discovery.NewDiscoveryClientForConfig(admin)
	if err != nil {
		return nil, fmt.Errorf("reach the API for Helm: %w", err)
	}
	cfg := &action.Configuration{}
	// Nothing is cached from one try to the next: the definitions that the last
	// one lacked may have come.
	get := getter{admin, memory.NewMemCacheClient(client), namespace}
	if err := cfg.Init(get, namespace, "secret", logrus.Debugf); err != nil {
		return nil, fmt.Errorf("start Helm: %w", err)
	}
	return cfg, nil
}

// ToRESTConfig returns the connection.
func (g getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.admin), nil }

// ToDiscoveryClient returns what tells which kinds there are.
func (g getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return g.discovery, nil
}

// ToRESTMapper returns what tells where a kind is served.
func (g getter) ToRESTMapper() (meta.RESTMapper, error) {
	return restmapper.NewDeferredDiscoveryRESTMapper(g.discovery), nil
}

// ToRawKubeConfigLoader is asked for the namespace only.
func (g getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	return clientcmd.NewDefaultClientConfig(*api.NewConfig(), &clientcmd.ConfigOverrides{Context: api.Context{Namespace: g.namespace}})
}
