package converge

import "context"

// Change is one difference between what is wanted and what is there.
type Change struct {
	// ID says which property differs, such as "SSH-01" or "memory".
	ID   string `json:"id"`
	Have string `json:"have"`
	Want string `json:"want"`
}

// Step makes one thing so. R can only look, W can also change.
type Step[R, W any] interface {
	// ID is stable and shown to the user: "ssh/password-login-off".
	ID() string
	// Check returns what differs; none means that it holds. An error means
	// that it could not look, never that the thing is absent. Both together
	// are what it saw before, and beside, what it could not look at.
	Check(ctx context.Context, r R) ([]Change, error)
	// Apply makes it so. The engine checks again afterwards.
	Apply(ctx context.Context, w W) error
}
