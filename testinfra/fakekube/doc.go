// Package fakekube is a stand-in for a Kubernetes API server. It is not one:
// it keeps objects in memory and answers the requests that k3sedge and its
// tests send, in the shapes that kube-apiserver 1.35 gives them. The lab's
// K3s has the real kube-apiserver; testinfra/kubetest holds both to the same rules.
//
// It refuses what the real one refuses, as far as it goes: kinds that are not
// registered, objects without a name or in the wrong or a missing namespace, wrong
// names and labels, changed fields that must not change, applies that take
// fields of others without force. What it was not taught it answers with 501.
//
// What differs from the real one, on purpose:
//   - There are no schemas: a field that no kind has is kept. Fields that a
//     kind must have are checked for the kinds that k3sedge writes.
//   - Lists are replaced as a whole, never merged by a key.
//   - Few defaults are filled in: those of Namespace, Service, Secret.
//   - There is no RBAC: the client may do everything, and in the name of
//     somebody else nothing, except that a node may write its own Node object.
//   - Of admission there is as much as refuses a privileged container outside
//     kube-system, and a label of node-restriction.kubernetes.io from a node.
//   - No controller runs. [Kube.React] lets a test be one.
//   - There is no watch, and no way to create but server-side apply; of the
//     subresources there is the status, which may be applied.
//   - A Namespace is gone at once unless [Kube.Linger] says otherwise.
//
// [Kube.API] is the API without a network; [Kube.Serve] has it on a real
// connection, with certificates and a kubeconfig.
//
// It may import k3s/kubeapi, provision/converge, provision/machine, testinfra/ca and
// testinfra/fault.
package fakekube
