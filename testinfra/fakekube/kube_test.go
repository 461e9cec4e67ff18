package fakekube_test

import (
	"context"
	"testing"

	"github.com/k3sedge/k3sedge/k3s/kubeapi"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
	"github.com/k3sedge/k3sedge/testinfra/kubetest"
)

func TestConformsWithoutANetwork(t *testing.T) {
	t.Parallel()
	kubetest.Run(t, fakekube.New().API())
}

func TestConformsOverTheNetwork(t *testing.T) {
	t.Parallel()
	kubetest.Run(t, client(t, serve(t, fakekube.New())))
}

func serve(t *testing.T, k *fakekube.Kube) *fakekube.Server {
	t.Helper()
	s, err := k.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, s *fakekube.Server) *kubeapi.Client {
	t.Helper()
	c := kubeapi.New(kubeapi.Config{Dialer: s, Kubeconfig: func(context.Context) ([]byte, error) { return s.Kubeconfig(), nil }})
	t.Cleanup(func() { _ = c.Close() })
	return c
}
