package firewall

import (
	"encoding/binary"
	"errors"
	"golang.org/x/sys/unix"
	"slices"
	"strings"
)

// nftaHookDevs is the list of a chain's interfaces, which golang.org/x/sys/unix does not have.
const nftaHookDevs = 4

func devices(hook attributes) ([]string, error) {
	var names []string
	if name := hook.text(unix.NFTA_HOOK_DEV); name != "" {
		names = append(names, name)
	}
	for rest := hook[nftaHookDevs]; len(rest) >= unix.SizeofNlAttr; {
		size := int(binary.NativeEndian.Uint16(rest))
		if size < unix.SizeofNlAttr || size > len(rest) {
			return nil, errors.New("decode the interfaces of a chain")
		}
		names = append(names, strings.TrimRight(string(rest[unix.SizeofNlAttr:size]), "\x00"))
		rest = rest[min(padded(size), len(rest)):]
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
