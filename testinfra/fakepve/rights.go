package fakepve

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mayConfigure checks the right for each key, as check_vm_modify_config_perm.
func (c *call) mayConfigure(vmid, pool string, names []string) error {
	for _, name := range names {
		k, ok := findKey(name)
		var err error
		switch {
		case k.priv == special:
		case !ok || k.priv == "":
			err = die("only root can set '%s' config", name)
		case k.priv == cloudinit:
			if err = c.checkVM(vmid, pool, network); err != nil {
				err = c.checkVM(vmid, pool, cloudinit)
			}
		default:
			err = c.checkVM(vmid, pool, k.priv)
		}
		if err == nil && name == "startup" {
			err = c.check("/", "Sys.Modify")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayUseValue checks the right to what a value names: storages, volumes,
// bridges.
func (c *call) mayUseValue(vmid, name, value string) error {
	switch {
	case driveKey.MatchString(name):
		return c.mayUseDrive(vmid, name, value)
	case netKey.MatchString(name):
		n, err := parseNet(value)
		if err != nil {
			return invalid(name, err.Error())
		}
		return c.mayUseBridge(n)
	case unusedKey.MatchString(name) || name == "cdrom":
		return notTaught("a value for %s", name)
	}
	return nil
}

func (c *call) mayUseBridge(n nic) error {
	bridge, tag := n.rest.values["bridge"], n.rest.values["tag"]
	path := "/sdn/zones/localnetwork/" + bridge
	switch {
	case bridge == "":
		return nil
	case n.rest.values["trunks"] != "":
		return notTaught("trunks of a network device")
	case tag != "":
		path += "/" + tag
	}
	return c.check(path, "SDN.Use")
}

// mayTouch checks the right to a key that depends on its value, old or new.
// Proxmox VE does so for drives only when a machine is changed: who may create
// one and has the storage may give it drives.
func (c *call) mayTouch(vmid, pool, name, value string) error {
	switch {
	case driveKey.MatchString(name):
		if d, err := parseDrive(value); err == nil && d.cdrom() {
			return c.checkVM(vmid, pool, "VM.Config.CDROM")
		}
		return c.checkVM(vmid, pool, disk)
	case serialKey.MatchString(name) && value != "socket":
		return die("only root can set '%s' config for real devices", name)
	case serialKey.MatchString(name):
		return c.checkVM(vmid, pool, hwType)
	case name == "tags":
		return c.checkVM(vmid, pool, options)
	case netKey.MatchString(name):
		n, err := parseNet(value)
		if err != nil {
			return invalid(name, err.Error())
		}
		return c.mayUseBridge(n)
	}
	return nil
}

// mayEdit checks every key of a change against what it was and is to be.
func (c *call) mayEdit(e edit) error {
	v, err := c.srv.load(c.vmid())
	if err != nil {
		return err
	}
	old := v.merged()
	for _, name := range append(slices.Sorted(maps.Keys(e.set)), e.remove...) {
		for _, value := range []string{old[name], e.set[name]} {
			if value == "" {
				continue
			}
			if err := c.mayTouch(c.vars["vmid"], "", name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *call) mayUseDrive(vmid, name, value string) error {
	d, err := parseDrive(value)
	if err != nil {
		return invalid(name, err.Error())
	}
	id, err := strconv.Atoi(vmid)
	if err != nil {
		return invalid("vmid", "not a number")
	}
	return c.mayUseFile(name, d, id)
}

// mayUseFile checks the right to what a drive names.
func (c *call) mayUseFile(name string, d drive, vmid int) error {
	switch {
	case d.file == "none":
		return nil
	case d.cloudinit():
		return notTaught("cloud-init drives made by Proxmox VE: attach an ISO")
	case d.file == "cdrom":
		return c.check("/", "Sys.Console")
	case d.isNew() && !d.cdrom():
		return c.mayAllocate(name, d, vmid)
	case d.values["import-from"] != "":
		return invalid(name, "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>")
	}
	v, err := c.mayUse(d.file, vmid)
	if err != nil {
		return err
	}
	if v.Content != "images" && v.Content != "iso" {
		return invalid(name, "content type needs to be 'images' or 'iso'")
	}
	return nil
}

func (c *call) mayAllocate(name string, d drive, vmid int) error {
	storage, _, _ := strings.Cut(d.file, ":")
	if err := c.check("/storage/"+storage, "Datastore.AllocateSpace"); err != nil {
		return err
	}
	st, err := c.srv.storage(storage)
	if err != nil {
		return err
	}
	if !st.allows("images") {
		return invalid("storage", fmt.Sprintf("storage '%s' does not support vm images", storage))
	}
	source := d.values["import-from"]
	if source == "" {
		return nil
	}
	if strings.HasPrefix(source, "/") {
		return die("Only root can pass arbitrary filesystem paths.")
	}
	v, err := c.mayUse(source, vmid)
	if err == nil && v.Content != "images" && v.Content != "import" {
		return invalid(name, fmt.Sprintf("%s has wrong type '%s' - needs to be 'images' or 'import'", source, v.Content))
	}
	if err == nil && v.VMID != 0 {
		return c.check(fmt.Sprintf("/vms/%d", v.VMID), "VM.Clone")
	}
	return err
}
