// Package k3s installs K3s on the nodes, joins them, and says why it does not
// start. Everything about a node is told by files of ours: the binary and its
// images, config.yaml, the policies, the unit. Nothing is restarted unless one
// of them is another than at the last start, which a marker on the node tells.
//
// Stages changes, PlanStages has nothing to change with; both go through the
// same steps. One look at a node answers all of its steps, until something is
// changed there. To add a step, add it to the list in step.go; to name another
// cause of trouble, add it to the table in causes.go.
//
// It imports inventory, provision/machine, provision/cluster,
// provision/converge and the packages below it.
package k3s
