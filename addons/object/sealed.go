package object

// SealedSecret is a bitnami.com/v1alpha1 SealedSecret: a Secret that only the
// controller of the cluster can read.
type SealedSecret struct {
	Meta `json:"-"`
	Spec SealedSecretSpec `json:"spec"`
}

// SealedSecretSpec is the sealed values, and what the Secret is beside them.
type SealedSecretSpec struct {
	EncryptedData map[string]string `json:"encryptedData"`
	Template      SecretTemplate    `json:"template"`
}

// SecretTemplate is the head of the Secret that comes out.
type SecretTemplate struct {
	Metadata Meta   `json:"metadata"`
	Type     string `json:"type"`
}

// Kind implements Object.
func (SealedSecret) Kind() Kind {
	return Kind{"bitnami.com", "v1alpha1", "SealedSecret", "sealedsecrets", false}
}
