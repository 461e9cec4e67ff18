package inventory

import (
	"fmt"
	"strconv"
)

// Range is a range of numbers, both ends inside, written as 9100-9119.
type Range struct {
	First, Last int
}

// Len is how many numbers are in the range.
func (r Range) Len() int { return max(0, r.Last-r.First+1) }

// Contains reports whether n is in the range.
func (r Range) Contains(n int) bool { return r.First <= n && n <= r.Last }

// IsZero reports whether there is no range.
func (r Range) IsZero() bool { return r == Range{} }

// String writes the range as FIRST-LAST.
func (r Range) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// UnmarshalText reads FIRST-LAST.
func (r *Range) UnmarshalText(text []byte) error {
	m := rangeForm.FindStringSubmatch(string(text))
	if m == nil {
		return errRange
	}
	first, err := strconv.Atoi(m[1])
	if err != nil {
		return fmt.Errorf("%w: %w", errRange, err)
	}
	last, err := strconv.Atoi(m[2])
	if err != nil {
		return fmt.Errorf("%w: %w", errRange, err)
	}
	if last < first {
		return fmt.Errorf("%w: it ends before it begins", errRange)
	}
	*r = Range{First: first, Last: last}
	return nil
}

// MarshalText writes FIRST-LAST.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
