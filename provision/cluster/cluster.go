package cluster

import "context"

// FieldManager owns, in the API server's books, every field that we set.
const FieldManager = "k3sedge"

// Reader looks at the Kubernetes API and cannot change it.
type Reader interface {
	// Get returns the JSON document at an absolute path of the API, with its
	// query, such as /api/v1/nodes?limit=500. What is not there, or is
	// refused, is a *StatusError; an API that did not answer is an *AwayError.
	Get(ctx context.Context, path string) ([]byte, error)
	// Preview returns what Apply would make of the object, without making it.
	Preview(ctx context.Context, o Object) ([]byte, error)
}

// API is a cluster that may be changed.
type API interface {
	Reader
	// Apply makes the object so by server-side apply under FieldManager. It
	// takes over fields that others set, and leaves alone those that the
	// object does not name.
	Apply(ctx context.Context, o Object) error
	// Delete removes the object at path, and what depends on it in the
	// background. An object that is not there is no error.
	Delete(ctx context.Context, path string) error
}

// Object is one object to apply.
type Object struct {
	Path string // /api/v1/namespaces/edge-git
	JSON []byte // the fields that are ours
}

// Identity is somebody in whose name a request is sent. The empty one is the
// client itself.
type Identity struct {
	User   string
	Groups []string
}
