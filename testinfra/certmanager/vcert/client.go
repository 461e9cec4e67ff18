package vcert

import (
	"errors"
	"net/http"

	"github.com/Venafi/vcert/v5/pkg/endpoint"
)

// ErrAbsent is what every Issuer for Venafi is told.
var ErrAbsent = errors.New("the lab's cert-manager is built without Venafi's client library")

// Config says which server is meant.
type Config struct {
	ConnectorType   endpoint.ConnectorType
	BaseUrl, Zone   string
	LogVerbose      bool
	ConnectionTrust string
	Credentials     *endpoint.Authentication
	Client          *http.Client
}

// NewClient always fails.
func NewClient(*Config, ...bool) (endpoint.Connector, error) { return nil, ErrAbsent }
