package facts

import "slices"

// FirstPerson is the number at which Debian begins to count the accounts of
// people (Debian Policy 9.2.2).
const FirstPerson = 1000

// Accounts are the users and groups of the host's own files. No hash of a
// password is ever told, only what kind it is.
type Accounts struct {
	Users  []User  `json:"users"`
	Groups []Group `json:"groups"`
	// Shells are the lines of /etc/shells.
	Shells []string `json:"shells"`
	// Umask is the UMASK of login.defs, "" where it has none.
	Umask string `json:"umask"`
	Homes []Home `json:"homes"`
}

// User is one account. Days count from 1970; -1 is one that is not set.
type User struct {
	Name  string `json:"name"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Home  string `json:"home"`
	Shell string `json:"shell"`
	// Password is the kind of the hash: see the constants.
	Password string `json:"password"`
	// Shadowed is false where the hash stands in /etc/passwd itself.
	Shadowed bool `json:"shadowed"`
	// Changed is the day of the last change of the password (0 asks for a new
	// one at the next login), MaxDays how long it lasts, Inactive how long
	// after that the account does, Expires the day on which it ends.
	Changed  int `json:"changed"`
	MaxDays  int `json:"maxDays"`
	Inactive int `json:"inactive"`
	Expires  int `json:"expires"`
}

// The kinds of a password. Any other one is the name of its hash: yescrypt,
// sha512, bcrypt, md5, des …
const (
	PasswordLocked = "locked" // no password opens the account
	PasswordEmpty  = "empty"  // anybody does
	PasswordNone   = "none"   // there is no line in /etc/shadow
)

// Group is a group and those whom its own line names.
type Group struct {
	Name    string   `json:"name"`
	GID     int      `json:"gid"`
	Members []string `json:"members"`
}

// Home is the folder of somebody who can log in.
type Home struct {
	User string `json:"user"`
	Path string `json:"path"`
	Stat Stat   `json:"stat"`
	// Problem says why the home, or a part of it, could not be looked at.
	Problem string `json:"problem,omitempty"`
	// Dotfiles are the hidden files in it that are IsOpenDotfile, by name.
	Dotfiles map[string]Stat `json:"dotfiles"`
}

// IsOpenDotfile reports whether a hidden file in a home opens the account or
// tells how to open others, or whether others may write it.
func IsOpenDotfile(name string, s Stat) bool {
	return slices.Contains([]string{".rhosts", ".shosts", ".netrc", ".forward"}, name) || s.Mode&0o022 != 0
}

// Sudo is who may become root by sudo, and how.
type Sudo struct {
	// Installed is false where there is no sudoers file at all.
	Installed bool `json:"installed"`
	// Valid and Invalid are what visudo says of all the files.
	Valid    bool          `json:"valid"`
	Invalid  string        `json:"invalid"`
	Defaults []SudoDefault `json:"defaults"`
	Rules    []SudoRule    `json:"rules"`
	// Files are those that sudo reads, in order.
	Files []string `json:"files"`
}

// SudoDefault is one setting. The last one wins.
type SudoDefault struct {
	// For is whom it binds, such as :admin or @host or !/bin/sh, "" for all.
	// Aliases of users are resolved.
	For   string `json:"for"`
	Name  string `json:"name"`
	Value string `json:"value"`
	// Off is true for a negated flag.
	Off  bool   `json:"off"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// SudoRule is one line that lets somebody run something.
type SudoRule struct {
	// Users are names, %groups, #numbers and ALL; aliases are resolved.
	Users []string `json:"users"`
	// NoPassword is true where some command needs no password, All where
	// every command as root needs none.
	NoPassword bool   `json:"noPassword"`
	All        bool   `json:"all"`
	Text       string `json:"text"`
	File       string `json:"file"`
	Line       int    `json:"line"`
}
