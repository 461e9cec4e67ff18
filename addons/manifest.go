package addons

import "github.com/k3sedge/k3sedge/addons/object"

// Manifests is the objects as documents of YAML, with *** in the place of each secret.
func Manifests(objects []object.Object) ([]byte, error) { return object.YAML(objects...) }
