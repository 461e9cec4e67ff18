package fakepve

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// key is a key of a machine's configuration: what its value may be, and what
// right a change needs. A key without a right is root's alone.
type key struct {
	check check
	priv  string
	// live keys change a running machine at once; others wait for its next start.
	live bool
}

const (
	cpu     = "VM.Config.CPU"
	memory  = "VM.Config.Memory"
	hwType  = "VM.Config.HWType"
	options = "VM.Config.Options"
	disk    = "VM.Config.Disk"
	network = "VM.Config.Network"
	// cloudinit stands for VM.Config.Cloudinit or VM.Config.Network.
	cloudinit = "VM.Config.Cloudinit"
	// special keys are checked by what their value is.
	special = "special"
)

var (
	driveKey  = regexp.MustCompile(`^(ide[0-3]|sata[0-5]|scsi([0-9]|[12][0-9]|30)|virtio([0-9]|1[0-5])|efidisk0|tpmstate0)$`)
	netKey    = regexp.MustCompile(`^net([0-9]|[12][0-9]|3[01])$`)
	serialKey = regexp.MustCompile(`^serial[0-3]$`)
	ipKey     = regexp.MustCompile(`^ipconfig([0-9]|[12][0-9]|3[01])$`)
	unusedKey = regexp.MustCompile(`^unused\d+$`)
	deviceKey = regexp.MustCompile(`^(usb|hostpci|numa|parallel|virtiofs)\d+$`)
	tagsForm  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_+.-]*([;, ]+[a-zA-Z0-9_][a-zA-Z0-9_+.-]*)*$`)
)

// configKeys are the keys without a number that the stand-in was taught.
func configKeys() map[string]key {
	dns := matches(dnsForm, "invalid format - value does not look like a valid DNS name")
	keys := map[string]key{
		"cores": {atLeast(1), cpu, false}, "sockets": {atLeast(1), cpu, false}, "cpu": {text, cpu, false},
		"cpulimit": {text, cpu, true}, "cpuunits": {atLeast(1), cpu, true}, "vcpus": {atLeast(1), cpu, false}, "numa": {boolean, cpu, false},
		"memory": {atLeast(16), memory, false}, "balloon": {atLeast(0), memory, false}, "shares": {atLeast(0), memory, true},
		"acpi": {boolean, hwType, false}, "hotplug": {text, hwType, false}, "kvm": {boolean, hwType, false},
		"machine": {text, hwType, false}, "tablet": {boolean, hwType, false}, "vga": {text, hwType, false}, "rng0": {text, hwType, false},
		"scsihw":  {oneOf("lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"), hwType, false},
		"smbios1": {properties, hwType, false}, "watchdog": {text, hwType, false},
		"agent": {properties, options, false}, "bios": {oneOf("seabios", "ovmf"), options, false}, "description": {text, options, true},
		"name": {dns, options, true}, "onboot": {boolean, options, true}, "ostype": {text, options, false},
		"protection": {boolean, options, true}, "reboot": {boolean, options, false}, "startup": {text, options, true},
		"boot": {properties, disk, false}, "vmgenid": {text, hwType, false},
		"nameserver": {text, cloudinit, true}, "searchdomain": {text, cloudinit, true}, "ciuser": {text, cloudinit, true},
		"cipassword": {text, cloudinit, true}, "ciupgrade": {boolean, cloudinit, true}, "citype": {text, cloudinit, true},
		"sshkeys": {sshKeys, cloudinit, true},
		"tags":    {pattern(tagsForm), special, true},
		"cdrom":   {text, special, true},
	}
	for _, name := range []string{"args", "hookscript", "lock", "affinity", "ivshmem", "amd-sev", "intel-tdx"} {
		keys[name] = key{text, "", false}
	}
	return keys
}

// findKey knows a key, with or without a number.
func findKey(name string) (key, bool) {
	switch {
	case driveKey.MatchString(name):
		return key{driveValue, special, true}, true
	case netKey.MatchString(name):
		return key{netValue, network, true}, true
	case serialKey.MatchString(name):
		return key{text, special, false}, true
	case ipKey.MatchString(name):
		return key{properties, cloudinit, true}, true
	case unusedKey.MatchString(name):
		return key{text, special, true}, true
	}
	k, ok := configKeys()[name]
	return k, ok
}

// configKey is findKey for a schema. Keys that Proxmox VE has and we have not
// are refused as not taught, not as unknown.
func configKey(name string) (check, bool) {
	if deviceKey.MatchString(name) || name == "cicustom" {
		return func(string) string { return "fakepve was not taught this key" }, true
	}
	k, ok := findKey(name)
	return k.check, ok
}

func properties(v string) string {
	if _, err := parseProperty(v); err != nil {
		return "invalid format - " + err.Error()
	}
	return ""
}

// sshKeys must be URL-encoded, and a plus sign is not an encoded space.
func sshKeys(v string) string {
	if !encodedForm.MatchString(v) {
		return "invalid format - invalid urlencoded string: " + v
	}
	return ""
}

// driveOptions are the sub-keys of a drive that are kept as they come.
func driveOptions() []string {
	return []string{"file", "media", "size", "format", "import-from", "cache", "discard", "ssd", "iothread", "aio", "backup",
		"replicate", "ro", "serial", "snapshot", "shared", "efitype", "pre-enrolled-keys", "version"}
}

func driveValue(v string) string {
	p, err := parseProperty(v)
	if err == nil {
		err = p.only(driveOptions()...)
	}
	if err != nil {
		return "invalid format - format error: " + err.Error()
	}
	if !p.hasBare && p.values["file"] == "" {
		return "invalid format - format error: file: property is missing and it is not optional"
	}
	if m := p.values["media"]; m != "" && m != "cdrom" && m != "disk" {
		return "invalid format - format error: media: value '" + m + "' does not have a value in the enumeration 'cdrom, disk'"
	}
	return ""
}

func netModels() []string { return []string{"virtio", "e1000", "e1000e", "vmxnet3", "rtl8139"} }

func netValue(v string) string {
	if _, err := parseNet(v); err != nil {
		return "invalid format - format error: " + err.Error()
	}
	return ""
}

var macForm = regexp.MustCompile(`(?i)^[a-f0-9][02468ace](:[a-f0-9]{2}){5}$`)

// nic is the value of netN.
type nic struct {
	model, mac string
	rest       property
}

func parseNet(text string) (nic, error) {
	p, err := parseProperty(text)
	if err != nil {
		return nic{}, err
	}
	known := append(netModels(), "model", "macaddr", "bridge", "firewall", "link_down", "mtu", "queues", "rate", "tag", "trunks")
	if err := p.only(known...); err != nil {
		return nic{}, err
	}
	n := nic{model: p.values["model"], mac: p.values["macaddr"], rest: property{values: p.values}}
	if p.hasBare {
		n.model = p.bare
	}
	for _, m := range netModels() {
		if mac, ok := p.values[m]; ok {
			n.model, n.mac = m, mac
		}
		delete(p.values, m)
	}
	delete(p.values, "model")
	delete(p.values, "macaddr")
	if n.model == "" {
		return n, fmt.Errorf("net: property 'model' is missing and it is not optional")
	}
	if !slices.Contains(netModels(), n.model) {
		return n, fmt.Errorf("model: value '%s' does not have a value in the enumeration '%s'", n.model, joined(netModels()))
	}
	if n.mac != "" && !macForm.MatchString(n.mac) {
		return n, fmt.Errorf("macaddr: value does not look like a valid unicast MAC address")
	}
	return n, nil
}

func (n nic) String() string {
	head := n.model
	if n.mac != "" {
		head += "=" + strings.ToUpper(n.mac)
	}
	if tail := n.rest.String(); tail != "" {
		return head + "," + tail
	}
	return head
}
