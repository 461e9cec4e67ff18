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
