package facts

// Apt is where packages come from, and how apt keeps them up to date.
type Apt struct {
	// Conf are the settings that matter for trust and for updates, by their
	// names in lower case. A list has all its values; of a single value the last counts.
	Conf    map[string][]string `json:"conf"`
	Sources []AptSource         `json:"sources"`
	// Keyrings are the keys that may sign every source without a key of its own.
	Keyrings []string `json:"keyrings"`
}

// AptSource is one archive. Credentials in its address are left out.
type AptSource struct {
	URI   string `json:"uri"`
	Suite string `json:"suite"`
	// SignedBy is set where the source names its keys.
	SignedBy bool `json:"signedBy"`
	// Options are in lower case: trusted, allow-insecure …
	Options map[string]string `json:"options"`
	File    string            `json:"file"`
	Line    int               `json:"line"`
}

// Updates is what the host's own lists of the security archive say, without a network.
type Updates struct {
	// Lists are those of security archives. None is no answer at all.
	Lists   []UpdateList    `json:"lists"`
	Pending []PendingUpdate `json:"pending"`
}

// UpdateList is one list, and how long the archive stands by it.
type UpdateList struct {
	File       string `json:"file"`
	Date       int64  `json:"date"`       // Unix time, 0 where nothing is said
	ValidUntil int64  `json:"validUntil"` // Unix time, 0 where nothing is said
	Packages   int    `json:"packages"`
}

// PendingUpdate is an installed package of which the archive has a newer version.
type PendingUpdate struct {
	Package   string `json:"package"`
	Installed string `json:"installed"`
	Available string `json:"available"`
}

// Kernels is the kernel that runs beside those that are installed.
type Kernels struct {
	// Running is the package version of the running kernel, as it tells it
	// itself; "" where it is none of Debian's.
	Running string `json:"running"`
	// Newest is the newest installed kernel package, and its version.
	Newest        string `json:"newest"`
	NewestVersion string `json:"newestVersion"`
	// Reboot is true where a package has asked for one; For names them.
	Reboot bool     `json:"reboot"`
	For    []string `json:"for"`
}

// PackageFiles is what became of a package's programs on the disk.
type PackageFiles struct {
	// Checked are those that were compared with the package's own checksums.
	Checked int `json:"checked"`
	// Changed differ or are gone.
	Changed []string `json:"changed"`
}
