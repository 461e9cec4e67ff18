// Package util has a name that cert-manager needs. It imports nothing.
package util

// IssuerHintAllIssuers is no hint.
const IssuerHintAllIssuers = ""
