package k3s

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

const ownFile = "# Written by k3sedge; edits are lost at its next run.\n"

// secret is a token. Whatever prints it prints ***; only the encoder of
// config.yaml sees it.
type secret string

// Format prints *** for every verb.
func (secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "***") }

// settings are config.yaml, in K3s' own words. What is left out is K3s'
// default: a snapshot of etcd twice a day of which five are kept, iptables for
// kube-proxy, NodeRestriction and no anonymous requests at the API (said here
// all the same, because it must stay so).
type settings struct {
	Token        secret   `yaml:"token"`
	AgentToken   secret   `yaml:"agent-token,omitempty"`
	ClusterInit  bool     `yaml:"cluster-init,omitempty"`
	Server       string   `yaml:"server,omitempty"`
	NodeName     string   `yaml:"node-name"`
	NodeIP       string   `yaml:"node-ip"`
	FlannelIface string   `yaml:"flannel-iface,omitempty"`
	TLSSANs      []string `yaml:"tls-san,omitempty"`
	ClusterCIDR  string   `yaml:"cluster-cidr,omitempty"`
	ServiceCIDR  string   `yaml:"service-cidr,omitempty"`
	Disable      []string `yaml:"disable,omitempty"`

	SecretsEncryption     bool     `yaml:"secrets-encryption,omitempty"`
	ProtectKernelDefaults bool     `yaml:"protect-kernel-defaults"`
	KubeconfigMode        string   `yaml:"write-kubeconfig-mode,omitempty"`
	APIServerArgs         []string `yaml:"kube-apiserver-arg,omitempty"`
	ControllerManagerArgs []string `yaml:"kube-controller-manager-arg,omitempty"`
	KubeletArgs           []string `yaml:"kubelet-arg"`
}

// settings are those that the node shall have. The token of a node that joins
// is empty as long as there is nothing to join.
func (v *view) settings(ctx context.Context) (settings, error) {
	now, err := v.seen(ctx)
	if err != nil {
		return settings{}, err
	}
	if len(now.Interfaces) == 0 {
		return settings{}, now.failed("interfaces", "network interfaces of "+v.node.Name)
	}
	s := settings{
		NodeName: v.node.Name, NodeIP: joined(v.node.Addresses()),
		FlannelIface:          now.Interfaces[v.node.Address.String()],
		ProtectKernelDefaults: true, KubeletArgs: kubeletArgs(),
	}
	if v != v.first {
		s.Server = "https://" + hostPort(v.first.node.Address, portAPI)
	}
	if v.node.Role != inventory.Server {
		s.Token, err = v.joinToken(ctx, agentTokenPath)
		return s, err
	}
	short, err := v.ownTokens(ctx)
	if err != nil {
		return settings{}, err
	}
	s.forServer(v)
	s.Token, s.AgentToken, s.ClusterInit = short.server, short.agent, true
	if v != v.first {
		s.ClusterInit = false
		s.Token, err = v.joinToken(ctx, serverTokenPath)
	}
	return s, err
}

func (s *settings) forServer(v *view) {
	k := v.Cluster.K3s
	s.TLSSANs = append(strings.Split(s.NodeIP, ","), k.TLSSANs...)
	pods, services := []netip.Prefix{k.PodCIDR}, []netip.Prefix{k.ServiceCIDR}
	if k.IPv6 != nil {
		pods, services = append(pods, k.IPv6.PodCIDR), append(services, k.IPv6.ServiceCIDR)
	}
	s.ClusterCIDR, s.ServiceCIDR = joined(pods), joined(services)
	s.Disable = []string{"servicelb"} // Traefik has the ports itself, on the host's network
	s.SecretsEncryption, s.KubeconfigMode = true, "0600"
	s.APIServerArgs = []string{
		"anonymous-auth=false",
		"enable-admission-plugins=NodeRestriction,EventRateLimit",
		"admission-control-config-file=" + psaPath,
		"audit-policy-file=" + auditPath,
		"audit-log-path=" + logsDir + "/audit.log",
		"audit-log-maxage=30", "audit-log-maxbackup=10", "audit-log-maxsize=100",
		"service-account-extend-token-expiration=false", // a pod's token ends with its hour, not with its year
	}
	s.ControllerManagerArgs = []string{"terminated-pod-gc-threshold=100"}
}

// joined is how K3s takes one value for each family: that of IPv4 first.
func joined[T fmt.Stringer](both []T) string {
	var out []string
	for _, one := range both {
		out = append(out, one.String())
	}
	return strings.Join(out, ",")
}

func kubeletArgs() []string {
	return []string{
		"streaming-connection-idle-timeout=5m",
		"seccomp-default=true",
		"pod-max-pids=4096",
		"tls-min-version=VersionTLS12",
		"tls-cipher-suites=" + strings.Join([]string{
			"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
			"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
			"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
		}, ","),
	}
}

func (s settings) file() (machine.File, error) { return yamlFile(configPath, s) }

// yamlFile is a file that only root may read.
func yamlFile(path string, content any) (machine.File, error) {
	var b bytes.Buffer
	b.WriteString(ownFile)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(content); err != nil {
		return machine.File{}, fmt.Errorf("encode %s: %w", path, err)
	}
	return machine.File{Path: path, Content: b.Bytes(), Mode: 0o600}, nil
}

func checkConfig(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	want, err := v.settings(ctx)
	if err != nil {
		return nil, err
	}
	f, err := want.file()
	if err != nil {
		return nil, err
	}
	changes, err := now.differs(f)
	if have, known := now.Files[configPath]; err == nil && known && !have.Absent && have.SHA256 != sum(f.Content) {
		changes = append(changes, settingsDiffer(have.Content, f.Content)...)
	}
	return changes, err
}

func writeConfig(ctx context.Context, h *hands) error {
	want, err := h.settings(ctx)
	if err != nil {
		return err
	}
	if want.Token == "" {
		return machine.WithHint(fmt.Errorf("%s has no token for others to join with", h.first.node.Name),
			"see `systemctl status %s` on %s", unitOf(h.first.node.Role), h.first.node.Name)
	}
	f, err := want.file()
	if err != nil {
		return err
	}
	if err := h.keepsNetworks(ctx, f); err != nil {
		return err
	}
	return h.place(ctx, f)
}

// keepsNetworks refuses other networks of pods and services than those that a
// server was made with: every object in the cluster has an address of them.
func (h *hands) keepsNetworks(ctx context.Context, want machine.File) error {
	now, err := h.seen(ctx)
	if err != nil {
		return err
	}
	for _, c := range settingsDiffer(now.Files[configPath].Content, want.Content) {
		if (c.ID == "cluster-cidr" || c.ID == "service-cidr") && c.Have != notSet && c.Want != notSet {
			return machine.WithHint(fmt.Errorf("%s was made with %s %s, which cannot become %s", h.node.Name, c.ID, c.Have, c.Want),
				"give k3s.podCIDR, serviceCIDR and ipv6 their former values; other networks need `k3sedge down` and a new cluster")
		}
	}
	return nil
}

// notSet is how a setting without a value is shown.
const notSet = "not set"

// settingsDiffer tells the keys in which two files differ. A token is told as
// being there or not.
func settingsDiffer(have, want []byte) []converge.Change {
	before, after := map[string]any{}, map[string]any{}
	if err := yaml.Unmarshal(have, &before); err != nil {
		return nil // not even YAML: that its content is another has been told
	}
	if err := yaml.Unmarshal(want, &after); err != nil {
		return nil // the encoder wrote it
	}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(keys)
	var out []converge.Change
	for _, key := range slices.Compact(keys) {
		a, b := shown(key, before[key]), shown(key, after[key])
		if fmt.Sprint(before[key]) == fmt.Sprint(after[key]) {
			continue
		}
		if a == b {
			a = "another one"
		}
		out = append(out, converge.Change{ID: key, Have: a, Want: b})
	}
	return out
}

// shown is a value of config.yaml for people. Only keys that k3sedge itself
// writes and that hold no secret are shown with it: somebody else's may.
func shown(key string, value any) string {
	switch {
	case value == nil || value == "":
		return notSet
	case slices.Contains(openKeys(), key):
		return fmt.Sprint(value)
	}
	return "a value that is not shown"
}

func openKeys() []string {
	return []string{
		"cluster-init", "server", "node-name", "node-ip", "flannel-iface", "tls-san", "cluster-cidr", "service-cidr", "disable",
		"secrets-encryption", "protect-kernel-defaults", "write-kubeconfig-mode", "kube-apiserver-arg", "kube-controller-manager-arg", "kubelet-arg",
	}
}
