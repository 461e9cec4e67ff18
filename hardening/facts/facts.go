package facts

import (
	"time"

	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// Version is the document's format. The operator's side refuses another one.
const Version = 1

// WirePatience bounds one try of a node at its own ports, in milliseconds. On a
// slow node that has just started, and reads its disk for the same look, a
// handshake takes ten seconds.
const WirePatience = 20_000

// Request says what the agent shall look at beyond what it always reports.
type Request struct {
	// Users and Sources span the matrix for which sshd is asked for its
	// effective settings.
	Users   []string `json:"users"`
	Sources []string `json:"sources"`
	// Ruleset is the wanted firewall as nft text. The agent loads it into an
	// empty network namespace of its own and reports what the kernel makes
	// of it, so that wanted and real are compared in the same terms.
	Ruleset string `json:"ruleset"`
	// Packets are wanted judged by the kernel's whole ruleset, in Firewall.Decisions.
	Packets []firewall.Packet `json:"packets,omitempty"`
	// Only are the parts wanted, by their JSON names; none is all of them.
	Only []string `json:"only,omitempty"`
	// Files are paths whose content and owner are wanted in Facts.Files. One
	// such as /etc/nftables.d/*.nft asks for all files of a folder; its own
	// entry then says that the folder was listed.
	Files []string `json:"files"`
	// Stats are paths whose owner and mode alone are wanted in Facts.Stats,
	// and patterns of them as in Files.
	Stats []string `json:"stats"`
	// Sysctls are the keys wanted in Facts.Sysctls, in dotted form. One such as
	// net.ipv4.conf.*.rp_filter asks for that of every interface; its own
	// entry then says that they were listed.
	Sysctls []string `json:"sysctls"`
	// Units are the systemd units wanted in Facts.Units. To ask for all of
	// them would cost ten times as much as everything else together.
	Units []string `json:"units"`
	// Keywords are sshd's keywords wanted in SSHDCell.Settings, in lower case.
	Keywords []string `json:"keywords"`
	// Packages are the Debian packages wanted in Facts.Packages.
	Packages []string `json:"packages"`
	// Verify are those whose programs are compared with their checksums, in Facts.Integrity.
	Verify []string `json:"verify"`
	// Deep asks for the walk over the disks in Facts.Deep, which takes seconds
	// and keeps what it has found on the host.
	Deep bool `json:"deep"`
	// Wire are servers to try from the host, by names that Facts.Wire repeats.
	Wire map[string]look.Dial `json:"wire,omitempty"`
	// K3s is nil where none shall run.
	K3s *K3sRequest `json:"k3s,omitempty"`
	// Modules are the kernel modules wanted in Facts.Modules.
	Modules []string `json:"modules"`
}

// Facts is one host at one moment.
type Facts struct {
	Version int `json:"version"`
	// Took is how long it was until they were here, by the operator's clock.
	Took    time.Duration `json:"-"`
	System  *System       `json:"system"`
	Session *Session      `json:"session"`
	SSHD    *SSHD         `json:"sshd"`
	// Offer, Daemon, HostKeys and Moduli are more of sshd: what it says on
	// the wire, when it read its files, the keys and groups that it would use.
	Offer    *Offer    `json:"offer"`
	Daemon   *Daemon   `json:"daemon"`
	HostKeys []HostKey `json:"hostKeys"`
	Moduli   *Moduli   `json:"moduli"`
	// Logins are the accounts that exist of Request.Users and of those whom
	// sshd's AllowUsers names, with the keys that open them.
	Logins   []Login   `json:"logins"`
	Firewall *Firewall `json:"firewall"`
	// Units has an answer for each of Request.Units, and for what an alias among them stands for.
	Units    map[string]Unit   `json:"units"`
	Packages map[string]string `json:"packages"` // the version of each of Request.Packages, "" where it is not installed
	Sysctls  map[string]Sysctl `json:"sysctls"`
	Files    map[string]File   `json:"files"`
	// Listeners are the sockets at which the host waits for somebody, by port.
	Listeners []Listener `json:"listeners"`
	// Wire is what came of each of Request.Wire.
	Wire     map[string]look.DialAnswer `json:"wire"`
	Stats    map[string]Stat            `json:"stats"`
	Accounts *Accounts                  `json:"accounts"`
	Sudo     *Sudo                      `json:"sudo"`
	// Modules has an answer for each of Request.Modules.
	Modules map[string]Module `json:"modules"`
	// FailedUnits are the systemd units in the state failed, of any name.
	FailedUnits []string `json:"failedUnits"`
	Clock       *Clock   `json:"clock"`
	Journal     *Journal `json:"journal"`
	Apt         *Apt     `json:"apt"`
	Updates     *Updates `json:"updates"`
	Kernels     *Kernels `json:"kernels"`
	// Integrity has those of Request.Verify that are installed.
	Integrity map[string]PackageFiles `json:"integrity"`
	Mounts    []Mount                 `json:"mounts"`
	// Deep is nil where the walk was not asked for.
	Deep *Deep `json:"deep"`
	// Pending is the host transaction that waits for its confirmation, if any.
	Pending *Pending `json:"pending"`
	// Last is how the most recent transaction ended, nil when there was none.
	Last *Outcome `json:"last"`
	// K3s is nil where Request.K3s was.
	K3s *K3s `json:"k3s,omitempty"`
	// Cluster is what the Kubernetes API says. The agent never fills it in: the
	// operator's side asks once for all nodes.
	Cluster *Cluster `json:"cluster,omitempty"`
	// Problems name the parts that could not be looked at, and why.
	Problems []Problem `json:"problems"`
}

// Problem is a part of the document that could not be looked at.
type Problem struct {
	Part  string `json:"part"` // JSON name of the part, such as "sshd"
	Error string `json:"error"`
}

// System identifies the machine.
type System struct {
	Hostname  string `json:"hostname"`
	OS        string `json:"os"`        // ID of os-release: debian
	Release   string `json:"release"`   // VERSION_ID of os-release: 12
	Kernel    string `json:"kernel"`    // uname -r
	Arch      string `json:"arch"`      // amd64, arm64
	Container string `json:"container"` // systemd-detect-virt --container: none, systemd-nspawn …
	BootID    string `json:"bootID"`
	UnixTime  int64  `json:"unixTime"`
}

// Session is how the operator came in, read from the environment of sshd's child.
type Session struct {
	User       string `json:"user"`       // login before sudo
	ClientAddr string `json:"clientAddr"` // as the host sees it, behind any NAT or jump host
	ServerAddr string `json:"serverAddr"`
	ServerPort int    `json:"serverPort"`
}

// SSHD is what sshd does, and where it has it from.
type SSHD struct {
	Valid   bool       `json:"valid"`   // sshd -t
	Invalid string     `json:"invalid"` // what sshd -t complained about
	Cells   []SSHDCell `json:"cells"`
	Origins []Origin   `json:"origins"` // of all keys, in the order in which sshd reads them
}

// SSHDCell is the effective configuration for one user from one address.
type SSHDCell struct {
	User    string `json:"user"`
	Address string `json:"address"`
	// Settings by the keywords of Request.Keywords, as sshd -T prints them; a
	// keyword that is printed more than once keeps all its values in order.
	Settings map[string][]string `json:"settings"`
}

// Origin is one line of sshd's configuration. The first one outside a Match block decides.
type Origin struct {
	Key   string `json:"key"` // lower case
	Value string `json:"value"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	Match string `json:"match"` // the Match block's criteria, "" outside
}

// Login is an account and the keys that open it.
type Login struct {
	User string `json:"user"`
	Keys []Key  `json:"keys"`
}

// Key is one line of an authorized_keys file.
type Key struct {
	Fingerprint string `json:"fingerprint"` // SHA256:…
	Type        string `json:"type"`        // ssh-ed25519 …
	Bits        int    `json:"bits"`
	Comment     string `json:"comment"`
	File        string `json:"file"`
	Line        int    `json:"line"`
}

// UnitNotFound is the state of a unit without a unit file. It is an answer:
// a unit that was not looked at is missing from Facts.Units.
const UnitNotFound = "not-found"

// Unit is a systemd unit.
type Unit struct {
	State  string `json:"state"`  // unit file state: enabled, disabled, masked, static, alias … or UnitNotFound
	Active string `json:"active"` // active, inactive, failed …
	// ExecStart and ExecStop are told of nftables.service only: the commands,
	// joined by newlines.
	ExecStart string `json:"execStart"`
	ExecStop  string `json:"execStop"`
	// AliasOf is the unit that one with the state alias stands for.
	AliasOf string `json:"aliasOf"`
	// InTheWay is the path at which systemctl mask would put its link and
	// finds another file or link, "" where it can.
	InTheWay string `json:"inTheWay"`
}

// Sysctl is one kernel setting.
type Sysctl struct {
	Value  string `json:"value"`
	Origin string `json:"origin"` // the sysctl.d file that will set it at boot, "" when none
	// Persistent is what Origin will set, "" when none.
	Persistent string `json:"persistent"`
	// ReadOnly is true where the key belongs to the container's host.
	ReadOnly bool `json:"readOnly"`
	// Absent is true where this kernel has no such key (yet).
	Absent bool `json:"absent"`
}

// File is a file's content and owner. One that is not there has Exists false.
type File struct {
	Exists  bool   `json:"exists"`
	Content string `json:"content"`
	Mode    uint32 `json:"mode"` // permission bits
	UID     int    `json:"uid"`
	GID     int    `json:"gid"`
}

// Pending is a transaction that is applied and not confirmed.
type Pending struct {
	ID       string `json:"id"`
	Deadline int64  `json:"deadline"` // Unix time of the rollback
}
