package node

import (
	"context"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// roles labels a server's own Node. NodeRestriction keeps nodes from giving
// themselves roles, so this is done, as in K3s, with the server's credentials.
func (n *node) roles(ctx context.Context) error {
	if !n.Server {
		return nil
	}
	if err := await(ctx, n.registered); err != nil {
		return err
	}
	admin, err := clientcmd.BuildConfigFromFlags("", filepath.Join(n.DataDir, "server/cred/supervisor.kubeconfig"))
	if err != nil {
		return err
	}
	kube, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return err
	}
	patch := []byte(`{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":"true","node-role.kubernetes.io/etcd":"true"}}}`)
	for {
		_, err := kube.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		logrus.Warnf("node: label the roles: %v", err)
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}
