package inventory

// hinted is an error with the words that help to mend it. provision/machine
// has the same for its users; this package imports nothing of ours.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without the hint.
func (h hinted) Unwrap() error { return h.error }

// Hint returns what the user can do.
func (h hinted) Hint() string { return h.hint }

func withHint(err error, hint string) error { return hinted{err, hint} }
