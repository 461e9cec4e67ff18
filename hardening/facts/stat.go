package facts

// Stat is a path's owner and mode, without its content. The zero value is no
// answer: what is not there has the kind KindAbsent.
type Stat struct {
	Kind string `json:"kind"`
	// Mode, UID, GID and ModTime are of what a link leads to, and zero where
	// it leads nowhere.
	Mode    uint32 `json:"mode"` // permission bits, with setuid (04000), setgid (02000) and sticky (01000)
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
	ModTime int64  `json:"modTime"` // Unix time
	// Fixed is a file or folder whose owner and mode no transaction changes:
	// a link is on the way to it, or it has another name as well.
	Fixed bool `json:"fixed,omitempty"`
}

// The kinds of a path.
const (
	KindAbsent = "absent"
	KindFile   = "file"
	KindFolder = "folder"
	KindLink   = "link"
	KindOther  = "other" // device, pipe, socket
	// KindListed is of a pattern such as /etc/cron.d/*: its folder was listed,
	// and what matches has entries of its own.
	KindListed = "listed"
)

// AttrChange is the owner and mode of a file or folder whose content stays.
// All three are set. The mode may only take rights away.
type AttrChange struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
}
