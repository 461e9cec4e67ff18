package cluster

import (
	"errors"
	"fmt"
	"net/http"
)

// StatusError is a request that the API server answered with a refusal.
type StatusError struct {
	Method, Path string
	Code         int    // of HTTP
	Reason       string // of the API, such as "NotFound"; may be empty
	Message      string // of the API server
}

// Error gives the request and the server's own words.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %s (%d)", e.Method, e.Path, e.Message, e.Code)
}

// AwayError is a request that got no answer. It is never to be read as "not there".
type AwayError struct {
	Method, Path string
	Err          error
}

// Error gives the request and the cause.
func (e *AwayError) Error() string {
	return fmt.Sprintf("%s %s: the Kubernetes API does not answer: %v", e.Method, e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *AwayError) Unwrap() error { return e.Err }

// NotFound reports whether the API server said that the object, or the whole
// kind of objects, is not there.
func NotFound(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}

// Away reports whether the API did not answer.
func Away(err error) bool {
	var away *AwayError
	return errors.As(err, &away)
}
