package certificate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"time"
)

// CustomFieldType is the kind of a custom field.
type CustomFieldType int

// The kinds of custom fields.
const (
	CustomFieldPlain CustomFieldType = iota
	CustomFieldOrigin
)

// CustomField goes with a request.
type CustomField struct {
	Type        CustomFieldType
	Name, Value string
}

// ChainOption is the order of a chain.
type ChainOption int

// ChainOptionRootLast is the order that cert-manager asks for.
const ChainOptionRootLast ChainOption = 0

// CSrOriginOption says who made the request's CSR.
type CSrOriginOption int

// UserProvidedCSR is a CSR of the caller.
const UserProvidedCSR CSrOriginOption = 0

// Request is a certificate that is asked for.
type Request struct {
	Subject                pkix.Name
	PickupID, FriendlyName string
	IssuerHint             string
	Timeout                time.Duration
	ValidityDuration       *time.Duration
	ChainOption            ChainOption
	CsrOrigin              CSrOriginOption
	CustomFields           []CustomField
}

// NewRequest makes an empty request.
func NewRequest(*x509.Certificate) *Request { return &Request{} }

// SetCSR takes no note of it.
func (*Request) SetCSR([]byte) error { return nil }

// PEMCollection is a certificate with its chain.
type PEMCollection struct {
	Certificate string
	Chain       []string
}
