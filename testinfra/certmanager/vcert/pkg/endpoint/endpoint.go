package endpoint

import "github.com/Venafi/vcert/v5/pkg/certificate"

// ConnectorType is the kind of a server.
type ConnectorType int

// The kinds of servers.
const (
	ConnectorTypeTPP ConnectorType = iota
	ConnectorTypeCloud
	ConnectorTypeNGTS
)

// Authentication is how a client proves itself.
type Authentication struct {
	User, Password, AccessToken, ClientId, ClientSecret, Scope, TokenURL, APIKey string
}

// ZoneConfiguration is a zone's policy.
type ZoneConfiguration struct{}

// UpdateCertificateRequest changes nothing.
func (*ZoneConfiguration) UpdateCertificateRequest(*certificate.Request) {}

// ValidateCertificateRequest finds nothing.
func (*ZoneConfiguration) ValidateCertificateRequest(*certificate.Request) error { return nil }

// Connector speaks with a server.
type Connector interface {
	GetType() ConnectorType
	Ping() error
	ReadZoneConfiguration() (*ZoneConfiguration, error)
	RequestCertificate(*certificate.Request) (string, error)
	RetrieveCertificate(*certificate.Request) (*certificate.PEMCollection, error)
}

// ErrCertificatePending is a certificate that is not there yet.
type ErrCertificatePending struct{ CertificateID, Status string }

// Error says so.
func (ErrCertificatePending) Error() string { return "the certificate is pending" }

// ErrRetrieveCertificateTimeout is one that did not come in time.
type ErrRetrieveCertificateTimeout struct{ CertificateID string }

// Error says so.
func (ErrRetrieveCertificateTimeout) Error() string { return "the certificate did not come in time" }
