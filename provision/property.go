package provision

import (
	"strconv"
	"strings"
)

// property returns one part of an option such as "virtio=AA:…,bridge=vmbr0".
func property(option, name string) string {
	for part := range strings.SplitSeq(option, ",") {
		if value, ok := strings.CutPrefix(part, name+"="); ok {
			return value
		}
	}
	return ""
}

// diskSize reads the size of a disk option such as
// "local-lvm:vm-9001-disk-0,size=20G".
func diskSize(option string) (int64, bool) {
	text := property(option, "size")
	if text == "" {
		return 0, false
	}
	unit := int64(1)
	switch text[len(text)-1] {
	case 'K':
		unit = 1 << 10
	case 'M':
		unit = 1 << 20
	case 'G':
		unit = 1 << 30
	case 'T':
		unit = 1 << 40
	}
	if unit > 1 {
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseFloat(text, 64)
	bytes := n * float64(unit)
	return int64(bytes), err == nil && bytes >= 0 && bytes < 1<<62
}
