package provision

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	proxmox "github.com/luthermonson/go-proxmox"
)

// vmRow is a VM in a list or in its status.
type vmRow struct {
	VMID   proxmox.StringOrUint64 `json:"vmid"`
	Name   string                 `json:"name"`
	Status string                 `json:"status"`
	Lock   string                 `json:"lock"`
}

func (r vmRow) vm() VM {
	return VM{VMID: int(r.VMID), Name: r.Name, Status: r.Status, Lock: r.Lock}
}

// newVMConfig reads a configuration in which Proxmox writes numbers now as
// numbers, now as strings.
func newVMConfig(raw map[string]any) VMConfig {
	c := VMConfig{Devices: map[string]string{}}
	for key, value := range raw {
		text := optionText(value)
		switch key {
		case "name":
			c.Name = text
		case "description":
			c.Description = text
		case "lock":
			c.Lock = text
		case "cores":
			c.Cores = optionNumber(text)
		case "memory":
			c.MemoryMiB = optionNumber(strings.TrimPrefix(text, "current="))
		case "onboot":
			c.OnBoot = text == "1"
		case "template":
			c.Template = text == "1"
		default:
			c.Devices[key] = text
		}
	}
	c.Cores = cmp.Or(c.Cores, 1)           // Proxmox leaves out a default
	c.MemoryMiB = cmp.Or(c.MemoryMiB, 512) // the same
	return c
}

func optionText(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case bool:
		if x {
			return "1"
		}
		return "0"
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case json.Number:
		return x.String()
	}
	return fmt.Sprint(v)
}

func optionNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
