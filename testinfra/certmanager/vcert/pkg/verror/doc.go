// Package verror has an error that cert-manager compares with. It imports
// nothing of ours.
package verror

import "errors"

// ServerUnavailableError never occurs.
var ServerUnavailableError = errors.New("server unavailable")
