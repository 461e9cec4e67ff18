package k3s

import (
	"context"
	"fmt"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// kubeconfigPath is where K3s writes what opens everything.
const kubeconfigPath = settingsDir + "/k3s.yaml"

// Kubeconfig reads what K3s wrote on a server. It is a secret.
func Kubeconfig(ctx context.Context, server look.Looker) ([]byte, error) {
	answer, err := server.Look(ctx, look.Request{Files: []look.FileQuery{{Path: kubeconfigPath, Content: true, NoSum: true}}})
	if err != nil {
		return nil, err
	}
	switch file := answer.Files[kubeconfigPath]; {
	case file.Err != "":
		return nil, fmt.Errorf("read %s: %s", kubeconfigPath, file.Err)
	case file.Absent || len(file.Content) == 0:
		return nil, machine.WithHint(fmt.Errorf("there is no %s: K3s has not started yet", kubeconfigPath), "k3sedge up installs K3s and starts it")
	default:
		return file.Content, nil
	}
}
