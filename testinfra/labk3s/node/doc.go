// Package node stands in the place of the kubelet, containerd and flannel.
//
// As in K3s: the Node object with its labels, addresses, capacity, conditions
// and lease; the kernel settings that protect-kernel-defaults demands; HTTPS
// on 10250 for clients with a certificate that the API allows; vxlan between
// the nodes in flannel's form, told by flannel's annotations; a network
// namespace for each pod that is not on the host's network, with a veth on
// cni0, an address of the node's podCIDR, and the node's address for what
// leaves the pods' network; images from agent/images; pods that survive a
// restart of k3s.
//
// Stand-in: a container is an ordinary process with the arguments, user,
// groups, environment, capabilities, volumes and root that its pod asks for,
// in mount, PID, IPC and UTS namespaces of its own and in its pod's network.
// Refused are init containers, exec and gRPC probes, lifecycle hooks and kinds
// of volumes that are not listed in volumes.go; the pod's status says so. Not
// applied: limits of resources and of processes, seccomp, SELinux, the idle
// time of streams, dnsConfig; configz tells what the settings say of them. On an
// emulated processor startup and liveness probes may fail six times as often.
//
// Of kube-proxy there is one thing: for pods with a network of their own the
// Service of the API, 10.43.0.1:443, leads to the servers. No other Service
// has an address that works; the API server, which calls webhooks by their
// endpoints as K3s' does, needs none. Pods on the host's network find the API
// at the node's load balancer. These translations are in the table ip lab-pods
// of nftables, by the program nft, where flannel and kube-proxy have theirs in
// iptables' tables; no other table is touched. There is no CoreDNS: a pod asks
// whom its node asks. An image without a bundle of CAs, as all of the lab's
// are, is given the node's as it is when the container starts.
//
// There are no registries: a
// pull fails as it does in an air gap. Logs are kept as they are written,
// without the stream and time of CRI.
//
// What stops or kills k3s stops no container: each is found again by the PID
// and start time in agent/lab-pods, as K3s finds its shims. Whatever was up
// when k3s ended and is not there any more has exit code 255.
//
// The program that links this package must begin with Contain: see there.
//
// It imports nothing of ours.
package node
