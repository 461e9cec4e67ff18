package tpp

import (
	"github.com/Venafi/vcert/v5/pkg/certificate"
	"github.com/Venafi/vcert/v5/pkg/endpoint"
)

// ErrCertNotFound never occurs.
type ErrCertNotFound struct{ error }

// OauthGetRefreshTokenResponse holds a token.
type OauthGetRefreshTokenResponse struct{ Access_token string }

// OauthVerifyTokenResponse says that a token is good.
type OauthVerifyTokenResponse struct{}

// VerifyAccessToken does nothing.
func (*Connector) VerifyAccessToken(*endpoint.Authentication) (OauthVerifyTokenResponse, error) {
	return OauthVerifyTokenResponse{}, nil
}

// GetRefreshToken does nothing.
func (*Connector) GetRefreshToken(*endpoint.Authentication) (OauthGetRefreshTokenResponse, error) {
	return OauthGetRefreshTokenResponse{}, nil
}

// ResetCertificate does nothing.
func (*Connector) ResetCertificate(*certificate.Request, bool) error { return nil }
