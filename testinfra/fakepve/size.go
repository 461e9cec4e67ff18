package fakepve

import (
	"fmt"
	"strconv"
	"strings"
)

const gib = int64(1) << 30

// parseSize reads 20G, 512M, 1.5T or plain bytes.
func parseSize(text string) (int64, error) {
	if !sizeForm.MatchString(text) || text[0] == '+' {
		return 0, fmt.Errorf("size '%s' is not valid", text)
	}
	unit := int64(1)
	if i := strings.IndexByte("KMGT", text[len(text)-1]); i >= 0 {
		unit <<= 10 * (i + 1)
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n*float64(unit) >= 1<<62 {
		return 0, fmt.Errorf("size '%s' is not valid", text)
	}
	return int64(n * float64(unit)), nil
}

// formatSize writes a size as a drive's size= does: in the largest unit that
// is exact.
func formatSize(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 40, "T"}, {1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}} {
		if n >= u.size && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
