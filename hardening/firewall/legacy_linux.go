package firewall

import (
	"os"
	"slices"
	"strings"
)

// legacyTables are the tables of the old iptables, where the kernel has it.
func legacyTables() []string {
	var names []string
	for family, file := range map[string]string{"ip": "/proc/thread-self/net/ip_tables_names", "ip6": "/proc/thread-self/net/ip6_tables_names"} {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // a kernel without it has no such file
		}
		for name := range strings.FieldsSeq(string(content)) {
			names = append(names, family+" "+name)
		}
	}
	slices.Sort(names)
	return names
}
