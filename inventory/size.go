package inventory

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// Size is an amount of memory or disk in bytes, written as 4GiB or 512MiB.
type Size int64

// The units of a Size.
const (
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

var (
	sizeForm  = regexp.MustCompile(`^([1-9][0-9]{0,18})(MiB|GiB|TiB)$`)
	rangeForm = regexp.MustCompile(`^([1-9][0-9]{0,8})-([1-9][0-9]{0,8})$`)

	errSize  = errors.New("not a size such as 4GiB or 512MiB")
	errRange = errors.New("not a range such as 9100-9119")
)

func unitOf(name string) Size {
	switch name {
	case "MiB":
		return MiB
	case "GiB":
		return GiB
	}
	return TiB
}

// ParseSize reads a whole, positive number of MiB, GiB or TiB. Units of 1000
// and bare numbers are refused: what they mean differs between tools.
func ParseSize(text string) (Size, error) {
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		return 0, errSize
	}
	unit := unitOf(m[2])
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%w: too large", errSize)
	}
	return Size(n) * unit, nil
}

// String writes the size in the largest unit that leaves a whole number.
func (s Size) String() string {
	for _, unit := range []string{"TiB", "GiB", "MiB"} {
		if u := unitOf(unit); s != 0 && s%u == 0 {
			return strconv.FormatInt(int64(s/u), 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// UnmarshalText is ParseSize.
func (s *Size) UnmarshalText(text []byte) error {
	size, err := ParseSize(string(text))
	if err == nil {
		*s = size
	}
	return err
}

// MarshalText writes what ParseSize reads.
func (s Size) MarshalText() ([]byte, error) {
	if s <= 0 || s%MiB != 0 {
		return nil, fmt.Errorf("write %d bytes: %w", int64(s), errSize)
	}
	return []byte(s.String()), nil
}

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
