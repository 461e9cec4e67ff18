package facts

// KeptAgent is where an armed host keeps the agent that takes the change back.
const KeptAgent = "/var/lib/k3sedge/k3sedge-node"

// Transaction is one change of a host, as the agent is asked to make it on
// its standard input. It is validated, the way back is armed, and only then
// is anything touched.
type Transaction struct {
	ID string `json:"id"`
	// Files are written, or moved away where Absent is set.
	Files []FileChange `json:"files"`
	// Attrs are owners and modes of files and folders whose content stays.
	Attrs []AttrChange `json:"attrs"`
	// Ruleset is the wanted firewall as nft text, "" to leave it alone. It
	// is written to disk at RulesetPath only when it is confirmed.
	Ruleset     string `json:"ruleset"`
	RulesetPath string `json:"rulesetPath"`
	// Sysctls are set at once; the file that keeps them is among Files.
	Sysctls map[string]string `json:"sysctls"`
	// Units are acted on in order after the files are in place.
	Units []UnitChange `json:"units"`
	// Client is what the operator's SSH client can do. sshd's configuration as
	// it will be has to leave it one algorithm of each kind: nobody could
	// prove a login otherwise. Nil is a change by one that does not tell.
	Client *Algorithms `json:"client,omitempty"`
	// Window is the time in seconds after which the host goes back by itself.
	Window int `json:"window"`
}

// FileChange is one file of a transaction.
type FileChange struct {
	Path    string `json:"path"`
	Content string `json:"content"`
	Mode    uint32 `json:"mode"`
	// Absent asks for the file to be put aside (kept under the agent's state
	// folder, so that a rollback and a curious user can find it).
	Absent bool `json:"absent"`
	// MinModulus is of sshd's moduli alone: in place of Content, the file
	// keeps what it has but the groups with fewer bits. It is half a megabyte,
	// which need not go over the line.
	MinModulus int `json:"minModulus,omitempty"`
}

// UnitChange is one action on a systemd unit.
type UnitChange struct {
	Name   string `json:"name"`
	Action string `json:"action"` // reload, enable, start (enabled and started), disable, mask
}

// Applied is the agent's answer to a transaction that is in force and waits.
type Applied struct {
	ID       string `json:"id"`
	Deadline int64  `json:"deadline"` // Unix time of the rollback
}

// How the agent ends where that is neither success nor a plain failure.
const (
	// ExitPending is of apply: another transaction waits for its
	// confirmation, or a run of the agent is at work.
	ExitPending = 5
	// ExitNotPending is of confirm: the transaction is not in force, or not any more.
	ExitNotPending = 6
)
