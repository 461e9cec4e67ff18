package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// setting is an option of a VM that k3sedge keeps as the inventory has it.
type setting struct {
	id, option string
	value      any
	want       string
	have       func(VMConfig) string
	restart    bool // a running machine sees it after its next start only
}

// tag is shown in Proxmox's list of VMs; it proves nothing.
const tag = "k3sedge"

func settingsOf(n inventory.Node) []setting {
	memory := int(n.Memory / inventory.MiB)
	return []setting{
		{"cores", "cores", n.CPUs, strconv.Itoa(n.CPUs), func(c VMConfig) string { return strconv.Itoa(c.Cores) }, true},
		{"memory", "memory", memory, fmt.Sprintf("%d MiB", memory), func(c VMConfig) string { return fmt.Sprintf("%d MiB", c.MemoryMiB) }, true},
		{"start at boot", "onboot", 1, "yes", func(c VMConfig) string { return yesNo(c.OnBoot) }, false},
		{"guest agent", "agent", 1, "on", func(c VMConfig) string { return onOff(agentOn(c.Devices["agent"])) }, true},
		{"serial console", "serial0", "socket", "socket", func(c VMConfig) string { return c.Devices["serial0"] }, true},
		{"tag", "tags", tag, tag, func(c VMConfig) string { return tagged(c.Devices["tags"]) }, false},
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func agentOn(option string) bool {
	first, _, _ := strings.Cut(option, ",")
	return first == "1" || property(option, "enabled") == "1"
}

// tagged returns our tag if it is among those of the VM, else all of them.
func tagged(tags string) string {
	if slices.Contains(strings.FieldsFunc(tags, func(r rune) bool { return strings.ContainsRune(";, ", r) }), tag) {
		return tag
	}
	return tags
}

// errCards is a VM with more network cards than our seed configures.
var errCards = errors.New("the VM has more than one network card")

// configChanges compares a VM with the inventory and returns what differs,
// and the options that mend it.
func configChanges(v *view, s sight) ([]converge.Change, Options, error) {
	for name := range s.Config.Devices {
		if len(name) > 3 && strings.HasPrefix(name, "net") && name != "net0" {
			return nil, nil, machine.WithHint(fmt.Errorf("VM %d: %w (%s)", s.VMID, errCards, name), "remove %s from template %d, or from the VM if it has never run; k3sedge configures one card", name, v.settings.Template)
		}
	}
	var changes []converge.Change
	options := Options{}
	for _, want := range settingsOf(v.node) {
		have := want.have(s.Config)
		if have == want.want {
			continue
		}
		options[want.option] = want.value
		if want.option == "tags" && have != "" {
			options["tags"] = have + ";" + tag
		}
		changes = append(changes, converge.Change{ID: want.id, Have: have, Want: want.want + afterRestart(want.restart && s.Running)})
	}
	if have, want, value := networkChange(v.settings, s.Config.Devices["net0"]); have != want {
		options["net0"] = value
		changes = append(changes, converge.Change{ID: "network", Have: have, Want: want})
	}
	return changes, options, nil
}

func afterRestart(yes bool) string {
	if yes {
		return " (takes effect at the machine's next restart)"
	}
	return ""
}

// networkChange compares bridge and VLAN, and leaves the card's model, MAC
// and firewall flag as they are.
func networkChange(p inventory.Proxmox, net0 string) (have, want, value string) {
	want = bridgeOption(p)
	if net0 == "" {
		return "none", want, "virtio," + want
	}
	have = "bridge=" + property(net0, "bridge")
	if vlan := property(net0, "tag"); vlan != "" {
		have += ",tag=" + vlan
	}
	kept := slices.DeleteFunc(strings.Split(net0, ","), func(part string) bool {
		return strings.HasPrefix(part, "bridge=") || strings.HasPrefix(part, "tag=")
	})
	return have, want, strings.Join(append(kept, want), ",")
}

func checkConfig(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil {
		return nil, err
	}
	changes, _, err := configChanges(v, s)
	return changes, err
}

func applyConfig(ctx context.Context, h *hands) error {
	s, err := h.agreed(ctx)
	if err != nil {
		return err
	}
	_, options, err := configChanges(h.view, s)
	if err != nil {
		return err
	}
	return h.configure(ctx, s, options)
}

// agreed looks anew, right before a change: number, name and mark must agree
// now, not when the run began.
func (h *hands) agreed(ctx context.Context) (sight, error) {
	h.forget()
	return h.present(ctx)
}

// configure changes a VM, if its configuration is still the one in s: Proxmox
// compares the digest under its own lock.
func (h *hands) configure(ctx context.Context, s sight, options Options) error {
	if digest := s.Config.Devices["digest"]; digest != "" {
		options["digest"] = digest
	}
	return h.act(ctx, verbConfigure, s.VMID, func(ctx context.Context) (UPID, error) {
		return h.do.Configure(ctx, s.VMID, options)
	})
}

// bootDisk names the disk that came with the image or the template.
func bootDisk(c VMConfig) (name, option string) {
	for _, name := range []string{"scsi0", "virtio0", "sata0"} {
		if option := c.Devices[name]; option != "" && property(option, "media") != "cdrom" {
			return name, option
		}
	}
	return "", ""
}

var errNoDisk = errors.New("the VM has no boot disk scsi0, virtio0 or sata0 of a known size")

func checkDisk(ctx context.Context, v *view) ([]converge.Change, error) {
	s, err := v.present(ctx)
	if err != nil {
		return nil, err
	}
	_, option := bootDisk(s.Config)
	have, known := diskSize(option)
	if !known {
		return nil, fmt.Errorf("VM %d: %w", s.VMID, errNoDisk)
	}
	if have >= int64(v.node.Disk) {
		return nil, nil // a disk is only ever made larger
	}
	want := sizeOption(v.node.Disk)
	if s.Note.Phase == phaseDone {
		want += " (its file system does not grow by itself after the first boot)"
	}
	return change("disk", sizeOption(inventory.Size(have)), want), nil
}

func growDisk(ctx context.Context, h *hands) error {
	s, err := h.agreed(ctx)
	if err != nil {
		return err
	}
	disk, _ := bootDisk(s.Config)
	return h.act(ctx, verbResize, s.VMID, func(ctx context.Context) (UPID, error) {
		return h.do.Resize(ctx, s.VMID, disk, sizeOption(h.node.Disk))
	})
}

// sizeOption is an absolute size; asking for it twice does no harm.
func sizeOption(n inventory.Size) string {
	if n%inventory.GiB == 0 {
		return fmt.Sprintf("%dG", n/inventory.GiB)
	}
	return fmt.Sprintf("%dM", (n+inventory.MiB-1)/inventory.MiB)
}
