package look

import (
	"fmt"
	"net"
	"net/netip"
)

// interfaces are the names of the network interfaces by the addresses that
// they carry. An address on two of them is told of the first.
func interfaces() (map[string]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	out := map[string]string{}
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list addresses of %s: %w", i.Name, err)
		}
		for _, a := range addresses {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				return nil, fmt.Errorf("read an address of %s: %w", i.Name, err)
			}
			if key := prefix.Addr().WithZone("").String(); out[key] == "" {
				out[key] = i.Name
			}
		}
	}
	return out, nil
}
