// Package vcert stands in for Venafi's client library, which the module proxy
// does not serve in the version that cert-manager needs. It has what
// cert-manager's code names and nothing behind it: NewClient fails, so that an
// Issuer for Venafi says why it is not ready, and nothing below is ever called.
//
// It may import its own folders only.
package vcert
