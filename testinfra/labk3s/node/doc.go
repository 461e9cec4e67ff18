// Package node stands in the place of the kubelet, containerd and flannel.
//
// As in K3s: the Node object with its labels, addresses, capacity, conditions
// and lease; the kernel settings that protect-kernel-defaults demands; HTTPS
// on 10250 for clients with a certificate that the API allows; vxlan between
// the nodes in flannel's form, told by flannel's annotations; images from
// agent/images; pods that survive a restart of k3s.
//
// Stand-in: a container is an ordinary process with the arguments, user,
// groups, environment, capabilities, volumes and root that its pod asks for,
// in mount, PID and IPC namespaces of its own and in the node's network. There
// is no pod network, so that a pod without hostNetwork is refused, as are init
// containers, exec and gRPC probes, lifecycle hooks and kinds of volumes that
// are not listed in volumes.go; the pod's status says so. Not applied: limits
// of resources and of processes, seccomp, SELinux, the pod's host name, the idle
// time of streams; configz tells what the settings say of them. There are no registries: a
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
