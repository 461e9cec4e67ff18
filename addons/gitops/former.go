package gitops

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/object"
)

// sealedIn finds the sealed secrets of a former export, by the path of the
// Secret that each is for. What cannot be read is passed over: it is sealed anew.
func sealedIn(former Files) map[string]object.SealedSecret {
	out := map[string]object.SealedSecret{}
	for _, name := range slices.Sorted(maps.Keys(former)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for documents := yaml.NewDecoder(bytes.NewReader(former[name])); ; {
			var doc struct {
				Kind     string
				Metadata object.Meta
				Spec     struct {
					EncryptedData map[string]string `yaml:"encryptedData"`
				}
			}
			if documents.Decode(&doc) != nil {
				break
			}
			if doc.Kind == (object.SealedSecret{}).Kind().Name {
				s := object.SealedSecret{Meta: doc.Metadata}
				s.Spec.EncryptedData = doc.Spec.EncryptedData
				out[object.Secret{}.Kind().Path(s.Namespace, s.Name)] = s
			}
		}
	}
	return out
}
