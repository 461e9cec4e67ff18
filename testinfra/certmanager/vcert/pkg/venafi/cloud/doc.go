// Package cloud has the connector's type. It may import endpoint.
package cloud

import "github.com/Venafi/vcert/v5/pkg/endpoint"

// Connector is never made.
type Connector struct{ endpoint.Connector }

// Authenticate does nothing.
func (*Connector) Authenticate(*endpoint.Authentication) error { return nil }
