// Package addons brings services behind the edge: it turns each into
// Kubernetes objects, holds them against the rules that Traefik and the API
// server do not enforce, applies what differs and takes away what left the
// folder. Nothing is written before every rule is kept.
//
// [Objects] is a pure function of the files; [Stages] and [PlanStages] are the
// run; [Probe] asks the servers themselves, from each node. Traefik's own
// configuration is in addons/traefik.
//
// It imports inventory, provision/cluster, provision/converge, provision/machine,
// provision/machine/look, addons/object and addons/certmanager, which knows how
// certificates stand.
package addons
