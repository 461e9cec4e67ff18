package hardening

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// kubeletQuestion asks a kubelet, through the API, for what it does.
func kubeletQuestion(node string) question {
	path := "/api/v1/nodes/" + url.PathEscape(node) + "/proxy/configz"
	return question{PartKubelets + Part(" "+node), get(path), func(c *facts.Cluster, answer []byte, err error) error {
		if err != nil {
			return err
		}
		k, err := kubeletOf(answer)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		c.Kubelets[node] = k
		return nil
	}}
}

// kubeletConfig is the answer of configz, in the form of KubeletConfiguration.
type kubeletConfig struct {
	Config *struct {
		Authentication struct {
			Anonymous, Webhook struct{ Enabled *bool }
		}
		Authorization                  struct{ Mode string }
		ReadOnlyPort                   int
		ProtectKernelDefaults          bool
		SeccompDefault                 bool
		PodPidsLimit, EventRecordQPS   *int64
		StreamingConnectionIdleTimeout string
	} `json:"kubeletconfig"`
}

var errNoKubelet = errors.New("it has no kubeletconfig")

func kubeletOf(answer []byte) (facts.Kubelet, error) {
	var z kubeletConfig
	if err := json.Unmarshal(answer, &z); err != nil {
		return facts.Kubelet{}, err
	}
	if z.Config == nil || z.Config.Authentication.Anonymous.Enabled == nil || z.Config.Authorization.Mode == "" {
		return facts.Kubelet{}, errNoKubelet
	}
	c := z.Config
	out := facts.Kubelet{
		Anonymous: *c.Authentication.Anonymous.Enabled, Webhook: c.Authentication.Webhook.Enabled != nil && *c.Authentication.Webhook.Enabled,
		Authorization: c.Authorization.Mode, ReadOnlyPort: c.ReadOnlyPort, ProtectKernelDefaults: c.ProtectKernelDefaults,
		SeccompDefault: c.SeccompDefault, PodPidsLimit: c.PodPidsLimit, EventRecordQPS: c.EventRecordQPS,
	}
	if c.StreamingConnectionIdleTimeout != "" {
		idle, err := time.ParseDuration(c.StreamingConnectionIdleTimeout)
		if err != nil {
			return facts.Kubelet{}, fmt.Errorf("streamingConnectionIdleTimeout: %w", err)
		}
		out.StreamingIdle = idle
	}
	return out, nil
}
