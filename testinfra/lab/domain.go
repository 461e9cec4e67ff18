//go:build linux

package lab

import (
	"encoding/xml"
	"fmt"
)

// The document that libvirt makes a machine of. Only what differs from what
// libvirt chooses by itself is in it.
type (
	domainXML struct {
		XMLName  xml.Name   `xml:"domain"`
		Type     string     `xml:"type,attr"`
		Name     string     `xml:"name"`
		UUID     string     `xml:"uuid,omitempty"`
		Memory   sizeXML    `xml:"memory"`
		Cores    int        `xml:"vcpu"`
		OS       osXML      `xml:"os"`
		ACPI     struct{}   `xml:"features>acpi"`
		APIC     struct{}   `xml:"features>apic"`
		CPU      modeXML    `xml:"cpu"`
		OnReboot string     `xml:"on_reboot"`
		Devices  devicesXML `xml:"devices"`
	}
	sizeXML struct {
		Unit  string `xml:"unit,attr"`
		Value int    `xml:",chardata"`
	}
	osXML struct {
		Type struct {
			Arch  string `xml:"arch,attr"`
			Value string `xml:",chardata"`
		} `xml:"type"`
		Boot struct {
			Dev string `xml:"dev,attr"`
		} `xml:"boot"`
	}
	modeXML struct {
		Mode     string       `xml:"mode,attr"`
		Features []featureXML `xml:"feature"`
	}
	featureXML struct {
		Policy string `xml:"policy,attr"`
		Name   string `xml:"name,attr"`
	}
	devicesXML struct {
		Disks       []diskXML       `xml:"disk"`
		Controllers []controllerXML `xml:"controller"`
		Interface   interfaceXML    `xml:"interface"`
		Serial      serialXML       `xml:"serial"`
		Channel     channelXML      `xml:"channel"`
		RNG         rngXML          `xml:"rng"`
		Balloon     modelXML        `xml:"memballoon"`
	}
	diskXML struct {
		Type   string `xml:"type,attr"`
		Device string `xml:"device,attr"`
		Driver struct {
			Name  string `xml:"name,attr"`
			Type  string `xml:"type,attr"`
			Cache string `xml:"cache,attr,omitempty"`
		} `xml:"driver"`
		Source fileXML `xml:"source"`
		Target struct {
			Dev string `xml:"dev,attr"`
			Bus string `xml:"bus,attr"`
		} `xml:"target"`
		ReadOnly *struct{} `xml:"readonly"`
	}
	fileXML struct {
		File string `xml:"file,attr"`
	}
	controllerXML struct {
		Type  string `xml:"type,attr"`
		Model string `xml:"model,attr"`
	}
	interfaceXML struct {
		Type string `xml:"type,attr"`
		MAC  struct {
			Address string `xml:"address,attr"`
		} `xml:"mac"`
		Source struct {
			Network string `xml:"network,attr"`
		} `xml:"source"`
		Model struct {
			Type string `xml:"type,attr"`
		} `xml:"model"`
	}
	serialXML struct {
		Type   string `xml:"type,attr"`
		Source struct {
			Path   string `xml:"path,attr"`
			Append string `xml:"append,attr"`
		} `xml:"source"`
	}
	channelXML struct {
		Type   string `xml:"type,attr"`
		Target struct {
			Type string `xml:"type,attr"`
			Name string `xml:"name,attr"`
		} `xml:"target"`
	}
	rngXML struct {
		Model   string `xml:"model,attr"`
		Backend struct {
			Model string `xml:"model,attr"`
			Value string `xml:",chardata"`
		} `xml:"backend"`
	}
	modelXML struct {
		Model string `xml:"model,attr"`
	}
)

// domain describes a whole machine to libvirt: the disk as scsi0, as the
// product makes it on Proxmox, and each ISO in a CD-ROM drive of its own.
func domain(name string, s spec, dir folder, kvm bool) ([]byte, error) {
	d := domainXML{
		Type: "qemu", Name: name, UUID: s.UUID, Memory: sizeXML{"MiB", s.MemoryMB}, Cores: s.Cores,
		CPU: emulatedCPU(), OnReboot: "restart",
	}
	if kvm {
		d.Type, d.CPU = "kvm", modeXML{Mode: "host-passthrough"}
	}
	d.OS.Type.Arch, d.OS.Type.Value, d.OS.Boot.Dev = "x86_64", "hvm", "hd"
	v := &d.Devices
	v.Disks = append(v.Disks, drive("disk", "qcow2", dir.path(overlayFile), 0))
	v.Disks[0].Driver.Cache = "unsafe" // nobody needs it after a crash
	for i, path := range s.ISOs {
		cd := drive("cdrom", "raw", path, i+1)
		cd.ReadOnly = &struct{}{}
		v.Disks = append(v.Disks, cd)
	}
	v.Controllers = []controllerXML{{"scsi", "virtio-scsi"}, {"usb", "none"}}
	v.Interface.Type, v.Interface.MAC.Address = "network", s.MAC
	v.Interface.Source.Network, v.Interface.Model.Type = virtNetwork, "virtio"
	v.Serial.Type, v.Serial.Source.Path, v.Serial.Source.Append = "file", dir.path("console.log"), "on"
	v.Channel.Type, v.Channel.Target.Type, v.Channel.Target.Name = "unix", "virtio", "org.qemu.guest_agent.0"
	v.RNG.Model, v.RNG.Backend.Model, v.RNG.Backend.Value = "virtio", "random", "/dev/urandom"
	v.Balloon.Model = "none"
	out, err := xml.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("describe machine %s: %w", s.ID, err)
	}
	return append(out, '\n'), nil
}

// emulatedCPU is all that QEMU can, but for what makes it slow.
func emulatedCPU() modeXML {
	cpu := modeXML{Mode: "maximum"}
	for _, name := range EmulatedWithout() {
		cpu.Features = append(cpu.Features, featureXML{"disable", name})
	}
	return cpu
}

// EmulatedWithout are the features that an emulated processor lacks. QEMU has
// them, but moves the bytes of one `rep movsb` one by one, takes vectors apart
// and walks a fifth level of page tables at each miss: without them a page is
// cleared in a third of the time, and ChaCha20 is three times as fast.
func EmulatedWithout() []string { return []string{"erms", "fsrm", "avx", "avx2", "la57"} }

// drive is a drive on the SCSI bus, by its place there.
func drive(device, format, path string, place int) diskXML {
	d := diskXML{Type: "file", Device: device, Source: fileXML{path}}
	d.Driver.Name, d.Driver.Type = "qemu", format
	d.Target.Dev, d.Target.Bus = "sd"+string(rune('a'+place)), "scsi"
	return d
}
