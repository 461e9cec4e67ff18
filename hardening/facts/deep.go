package facts

// Mount is a mounted file system.
type Mount struct {
	Point   string   `json:"point"`
	Type    string   `json:"type"`
	Options []string `json:"options"` // of the mount itself: rw, nosuid …
}

// Deep is what a walk over the host's own disks has found. It is made when it
// is asked for, and kept for an hour.
type Deep struct {
	// At is when the walk was made, in Unix time.
	At int64 `json:"at"`
	// Paths is how many files and folders were seen.
	Paths int `json:"paths"`
	// Cut is true where there were too many: the rest was not looked at.
	Cut bool `json:"cut"`
	// Special are the files that run as their owner or group, Open those that
	// everybody may write (folders: without the sticky bit), Unowned those of
	// nobody's.
	Special []DeepFile `json:"special"`
	Open    []DeepFile `json:"open"`
	Unowned []DeepFile `json:"unowned"`
}

// DeepFile is a file or folder that a walk has found.
type DeepFile struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	// Package is whose file it is for dpkg, "" where it is nobody's. It is
	// told of special files only.
	Package string `json:"package,omitempty"`
}
