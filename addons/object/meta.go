package object

import "strings"

// The labels and annotations of our objects.
const (
	// ManagedBy is the label that says whose an object is; its value is
	// cluster.FieldManager.
	ManagedBy = "app.kubernetes.io/managed-by"
	// ForService is the label with the name of the service that an object is
	// made for. Objects for all services have none.
	ForService = "k3sedge.dev/service"
	// Applied is the annotation with the checksum of what was applied.
	Applied = "k3sedge.dev/applied"
)

// Meta is what every object has.
type Meta struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func (m Meta) meta() Meta { return m }

// Object is a value of one of this package's kinds.
type Object interface {
	Kind() Kind
	meta() Meta
}

// MetaOf returns an object's name and labels, without those that [ToCluster] adds.
func MetaOf(o Object) Meta { return o.meta() }

// Path is where the API has the object.
func Path(o Object) string { return o.Kind().Path(o.meta().Namespace, o.meta().Name) }

// Kind is a kind of objects, and where the API has them.
type Kind struct {
	Group, Version, Name, Plural string
	Cluster                      bool // its objects are in no namespace
}

// APIVersion is the group and the version in one.
func (k Kind) APIVersion() string { return strings.TrimPrefix(k.Group+"/"+k.Version, "/") }

// List is where the API lists the objects of all namespaces.
func (k Kind) List() string { return k.in("") + k.Plural }

// ListIn is where the API lists the objects of one namespace.
func (k Kind) ListIn(namespace string) string { return k.in(namespace) + k.Plural }

// Path is where the API has the object of that name.
func (k Kind) Path(namespace, name string) string { return k.in(namespace) + k.Plural + "/" + name }

func (k Kind) in(namespace string) string {
	root := "/apis/"
	if k.Group == "" {
		root = "/api/"
	}
	root += k.APIVersion() + "/"
	if k.Cluster || namespace == "" {
		return root
	}
	return root + "namespaces/" + namespace + "/"
}
