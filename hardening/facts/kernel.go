package facts

// Module is a kernel module: where it is, and what modprobe.d says of it.
type Module struct {
	Loaded  bool `json:"loaded"`
	BuiltIn bool `json:"builtIn"` // part of the kernel itself
	OnDisk  bool `json:"onDisk"`  // can be loaded
	// Install is the command that modprobe runs instead of loading it, ""
	// for none; InstallFile is where it stands.
	Install     string `json:"install"`
	InstallFile string `json:"installFile"`
	// Blacklisted is true where no alias loads it; its own name still does.
	Blacklisted bool `json:"blacklisted"`
}

// Clock is what the kernel says about its own time.
type Clock struct {
	Synchronized bool  `json:"synchronized"`
	MaxError     int64 `json:"maxError"` // microseconds by which it may be wrong
}

// Journal is what systemd-journald does with what it is told.
type Journal struct {
	// Kept is true where the running journal lies on the disk, so that a
	// restart does not take it away.
	Kept bool `json:"kept"`
	// Session are the programs above the agent whose work belongs in a log,
	// each with what it has logged.
	Session []Record `json:"session"`
}

// Record is what one process has logged.
type Record struct {
	Program  string   `json:"program"` // sshd, sshd-session, sudo
	PID      int      `json:"pid"`
	Messages []string `json:"messages"`
}
