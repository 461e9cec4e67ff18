package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The bundle of CAs that Debian keeps, and that Go's programs look for first.
const caBundle = "/etc/ssl/certs/ca-certificates.crt"

// podIP is the address of a pod, "" if it has none yet.
func (n *node) podIP(pod *corev1.Pod) string {
	if pod.Spec.HostNetwork {
		return n.IP
	}
	if a := n.network.kept(pod.UID); a.IsValid() {
		return a.String()
	}
	return ""
}

// connect gives the pod its network, and the files in which its name stands.
func (w *worker) connect(pod *corev1.Pod) error {
	if pod.Spec.HostNetwork {
		return nil
	}
	a, err := w.pods.node.network.attach(pod.UID)
	if err != nil {
		return err
	}
	w.ip = a.String()
	if err := os.MkdirAll(w.pods.etc(pod.UID), 0o755); err != nil {
		return fmt.Errorf("make the pod's files: %w", err)
	}
	for name, text := range map[string]string{"hosts": hosts(pod, w.ip), "hostname": hostname(pod) + "\n"} {
		if err := os.WriteFile(filepath.Join(w.pods.etc(pod.UID), name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the pod's %s: %w", name, err)
		}
	}
	return nil
}

// etc is the folder of a pod's own files.
func (p *pods) etc(uid types.UID) string { return filepath.Join(p.state, string(uid), "etc") }

// hostname is what a pod with a network of its own calls itself.
func hostname(pod *corev1.Pod) string {
	name := pod.Name
	if pod.Spec.Hostname != "" {
		name = pod.Spec.Hostname
	}
	const longest = 63
	if len(name) > longest {
		name = strings.TrimRight(name[:longest], "-.")
	}
	return name
}

// hosts is the file that the kubelet writes.
func hosts(pod *corev1.Pod, ip string) string {
	var b strings.Builder
	b.WriteString("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	fmt.Fprintf(&b, "%s\t%s\n", ip, hostname(pod))
	for _, a := range pod.Spec.HostAliases {
		fmt.Fprintf(&b, "%s\t%s\n", a.IP, strings.Join(a.Hostnames, "\t"))
	}
	return b.String()
}

// names are the files by which a container knows names and whom to trust.
// There is no DNS of the cluster: everybody asks whom the node asks. An image
// that brings no CAs, as the lab's do not, trusts those of the node.
func (t translation) names() []bind {
	hosts, hostname := filepath.Join(t.etc, "hosts"), filepath.Join(t.etc, "hostname")
	if t.pod.Spec.HostNetwork {
		hosts, hostname = "/etc/hosts", "/etc/hostname"
	}
	out := []bind{{"/etc/resolv.conf", "/etc/resolv.conf", true}, {hosts, "/etc/hosts", true}, {hostname, "/etc/hostname", true}}
	if _, err := os.Stat(filepath.Join(t.image.Root, caBundle)); err != nil {
		out = append(out, bind{caBundle, caBundle, true})
	}
	return out
}
