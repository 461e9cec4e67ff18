// Package apply brings a list of objects that is known beforehand to the
// cluster, and takes it away: each is read by its path, compared, and applied
// if it differs. What the services need is compared by lists; see package addons.
//
// It imports addons/object, provision/cluster, provision/converge and
// provision/machine.
package apply
