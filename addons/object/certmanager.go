package object

const certGroup = "cert-manager.io"

// Certificate is a cert-manager.io/v1 Certificate.
type Certificate struct {
	Meta `json:"-"`
	Spec CertificateSpec `json:"spec"`
}

// CertificateSpec is what is asked of the issuer, and where it is kept.
type CertificateSpec struct {
	SecretName            string     `json:"secretName"`
	DNSNames              []string   `json:"dnsNames"`
	PrivateKey            PrivateKey `json:"privateKey"`
	RenewBeforePercentage int        `json:"renewBeforePercentage"`
	RevisionHistoryLimit  int        `json:"revisionHistoryLimit"`
	IssuerRef             IssuerRef  `json:"issuerRef"`
}

// PrivateKey says what key a certificate gets. RotationPolicy is always
// written: what it means when left out has changed before.
type PrivateKey struct {
	Algorithm      string `json:"algorithm"`
	Size           int    `json:"size"`
	RotationPolicy string `json:"rotationPolicy"`
}

// IssuerRef names an issuer in full: a release of cert-manager that filled in
// what was left out has issued every certificate anew.
type IssuerRef struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
	Name  string `json:"name"`
}

// ClusterIssuerRef names a ClusterIssuer.
func ClusterIssuerRef(name string) IssuerRef {
	return IssuerRef{certGroup, ClusterIssuer{}.Kind().Name, name}
}

// Kind implements Object.
func (Certificate) Kind() Kind {
	return Kind{certGroup, "v1", "Certificate", "certificates", false}
}

// ClusterIssuer is a cert-manager.io/v1 ClusterIssuer for ACME.
type ClusterIssuer struct {
	Meta `json:"-"`
	Spec ClusterIssuerSpec `json:"spec"`
}

// ClusterIssuerSpec has one kind of issuer.
type ClusterIssuerSpec struct {
	ACME ACME `json:"acme"`
}

// ACME is a server, our account there, and how names are proven to it.
type ACME struct {
	Server              string    `json:"server"`
	Email               string    `json:"email,omitempty"`
	CABundle            []byte    `json:"caBundle,omitempty"` // PEM, for a server whose authority is no public one
	Profile             string    `json:"profile,omitempty"`  // of the server's certificates
	PrivateKeySecretRef SecretKey `json:"privateKeySecretRef"`
	Solvers             []Solver  `json:"solvers"`
}

// Solver proves names in some zones.
type Solver struct {
	Selector SolverSelector `json:"selector"`
	DNS01    DNS01          `json:"dns01"`
}

// SolverSelector are the zones.
type SolverSelector struct {
	DNSZones []string `json:"dnsZones"`
}

// DNS01 proves by DNS records at Cloudflare.
type DNS01 struct {
	Cloudflare DNS01Cloudflare `json:"cloudflare"`
}

// DNS01Cloudflare says where the token is.
type DNS01Cloudflare struct {
	APITokenSecretRef SecretKey `json:"apiTokenSecretRef"`
}

// SecretKey is a Secret, or a key of it.
type SecretKey struct {
	Name string `json:"name"`
	Key  string `json:"key,omitempty"`
}

// Kind implements Object.
func (ClusterIssuer) Kind() Kind {
	return Kind{certGroup, "v1", "ClusterIssuer", "clusterissuers", true}
}
