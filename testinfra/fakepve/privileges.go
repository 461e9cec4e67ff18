package fakepve

import "slices"

// privileges lists those that a version knows. Naming any other is an error
// there: the role that names VM.Monitor cannot be created on version 9.
func privileges(major int) []string {
	all := []string{
		"VM.Allocate", "VM.Audit", "VM.Backup", "VM.Clone", "VM.Console", "VM.Migrate", "VM.PowerMgmt",
		"VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit", "VM.Config.Disk", "VM.Config.HWType",
		"VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.Snapshot", "VM.Snapshot.Rollback",
		"Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "Datastore.Audit",
		"Sys.AccessNetwork", "Sys.Audit", "Sys.Console", "Sys.Incoming", "Sys.Modify", "Sys.PowerMgmt", "Sys.Syslog",
		"SDN.Allocate", "SDN.Audit", "SDN.Use", "Pool.Allocate", "Pool.Audit",
		"User.Modify", "Group.Allocate", "Realm.Allocate", "Realm.AllocateUser", "Permissions.Modify",
		"Mapping.Audit", "Mapping.Modify", "Mapping.Use",
	}
	if major >= 9 {
		return append(all, "VM.Replicate", "VM.GuestAgent.Audit", "VM.GuestAgent.FileRead",
			"VM.GuestAgent.FileSystemMgmt", "VM.GuestAgent.FileWrite", "VM.GuestAgent.Unrestricted")
	}
	return append(all, "VM.Monitor")
}

func knownPrivilege(major int, name string) bool {
	return slices.Contains(privileges(major), name)
}
