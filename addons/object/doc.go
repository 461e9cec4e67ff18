// Package object has the Kubernetes objects that we apply, as Go types: of each
// kind exactly the fields that we set, and nothing else.
//
// An object is a plain value. [ToCluster] makes of it what the API takes,
// [YAML] what people read. Both put our label on it, and an annotation with a
// checksum of what was applied, by which a field that is no longer wanted is
// found on a later look.
//
// It imports provision/cluster and inventory.
package object
