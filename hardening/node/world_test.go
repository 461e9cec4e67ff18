package node

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// world is a host in a folder: its files are real, its programs are played.
// What it was not told it refuses.
type world struct {
	root    string
	mu      sync.Mutex
	table   string           // our table, as nft would list it
	units   map[string]*unit // by name
	jobs    []string         // start jobs of a boot that has begun
	timer   []string         // argv of the running rollback timer
	reloads []string
	noexec  bool // StateDir is on a file system from which nothing may be run
	// refuse makes a command fail whose words contain the key.
	refuse  map[string]string
	codes   map[string]int    // exit codes of commands by their words
	answer  map[string]string // further commands by their words
	specs   []string          // of every question to sshd
	dialled []string          // the addresses of all connections
	clock   facts.Clock
	// settings are what sshd answers beyond the usual, by its specification.
	settings func(spec string) string
}

type unit struct{ state, active string }

const oldTable = "table inet k3sedge {\n\tchain input {\n\t\ttcp dport 22 accept\n\t}\n}\n"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{root: t.TempDir(), table: oldTable, refuse: map[string]string{}, answer: map[string]string{}}
	w.units = map[string]*unit{
		"ssh.service": {"enabled", "active"}, nftablesUnit: {"disabled", "inactive"},
		"rpcbind.service": {"enabled", "active"}, "cups.service": {"enabled", "inactive"},
		"timesyncd.service": {"disabled", "inactive"},
	}
	for path, content := range map[string]string{
		sshdConfig: "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n",
		"/etc/ssh/sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\n",
		"/etc/nftables.conf":                        "flush ruleset\n",
		"/proc/version":                             "Linux version 6.1.0-30-cloud-amd64 (d@b) (gcc-12 (Debian 12.2.0-14) 12.2.0, ld) #1 SMP Debian 6.1.124-1 (2025-01-12)\n",
		"/proc/self/mountinfo":                      "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n",
		passwdFile:                                  "root:x:0:0:root:/root:/bin/bash\nadmin:x:1000:1000::/home/admin:/bin/bash\n",
		shadowFile:                                  "root:*:19000:0:99999:7:::\nadmin:!:19000:0:99999:7:::\n",
		groupFile:                                   "root:x:0:\nadmin:x:1000:\n",
		sudoers:                                     "Defaults use_pty\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
		suPAM:                                       "auth sufficient pam_rootok.so\n",
		"/etc/crontab":                              "17 * * * * root true\n",
		"/etc/cron.d/other":                         "",
		"/etc/sysctl.d/README":                      "files here\n",
		"/etc/systemd/system/other.service":         "[Service]\n",
		"/proc/sys/net/ipv4/ip_forward":             "0\n",
		"/proc/sys/net/ipv4/tcp_rmem":               "4096\t131072\t6291456\n",
		bootIDFile:                                  "boot-1\n",
		"/proc/sys/kernel/hostname":                 "a\n",
		"/proc/sys/kernel/osrelease":                "6.1.0-30-cloud-amd64\n",
		"/etc/os-release":                           "ID=debian\nVERSION_ID=\"12\"\n",
		dpkgStatus:                                  "Package: nftables\nStatus: install ok installed\nVersion: 1.0.6\n",
		"/proc/7/environ":                           "SSH_CONNECTION=10.0.0.5 40000 10.0.0.11 22\x00USER=admin\x00",
		"/usr/bin/agent":                            "the agent's program",
	} {
		w.put(t, path, content)
	}
	w.mode(t, "/etc/ssh/sshd_config.d/50-cloud-init.conf", 0o600)
	w.mode(t, "/etc/nftables.conf", 0o755)
	return w
}

func (w *world) host() Host {
	return Host{
		Root: w.root, Runner: w, Kernel: w, Dial: w.dial, PID: 7, Agent: filepath.Join(w.root, "/usr/bin/agent"),
		Now:   func() time.Time { return time.Unix(1_800_000_000, 0) },
		Clock: func() (facts.Clock, error) { return w.clock, nil },
	}
}

func (w *world) put(t *testing.T, path, content string) {
	t.Helper()
	p := filepath.Join(w.root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (w *world) mode(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(w.root, path), mode); err != nil {
		t.Fatal(err)
	}
}

func (w *world) link(t *testing.T, target, path string) {
	t.Helper()
	p := filepath.Join(w.root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, p); err != nil {
		t.Fatal(err)
	}
}

func (w *world) read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (w *world) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(w.root, path))
	return err == nil
}

// state is all that a user could see of the host, one line a thing.
func (w *world) state(t *testing.T) []string {
	t.Helper()
	out := []string{"table " + w.table}
	for _, name := range slices.Sorted(maps.Keys(w.units)) {
		out = append(out, fmt.Sprint("unit ", name, *w.units[name]))
	}
	err := filepath.WalkDir(w.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(p, w.root)
		if name == StateDir {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat, _ := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprint(name, " ", info.Mode(), " ", stat.Uid, ":", stat.Gid)
		if d.IsDir() || d.Type() == fs.ModeNamedPipe {
			out = append(out, line)
			return nil
		}
		if d.Type() == fs.ModeSymlink {
			target, err := os.Readlink(p)
			out = append(out, line+" -> "+target)
			return err
		}
		b, err := os.ReadFile(p)
		out = append(out, fmt.Sprintf("%s %x", line, sha256.Sum256(b)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same fails the test with the lines by which the host differs.
func (w *world) same(t *testing.T, want []string) {
	t.Helper()
	have := w.state(t)
	for _, line := range have {
		if !slices.Contains(want, line) {
			t.Errorf("too much: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(have, line) {
			t.Errorf("missing: %s", line)
		}
	}
}

// disarmed fails the test when anything of the way back is still there.
func (w *world) disarmed(t *testing.T) {
	t.Helper()
	if w.timer != nil {
		t.Errorf("the timer still runs: %q", w.timer)
	}
	for _, p := range []string{pendingFile, bootUnitFile, bootUnitLink} {
		if w.exists(p) {
			t.Errorf("%s is still there", p)
		}
	}
}

func (w *world) Ruleset() (*firewall.Ruleset, error) {
	rules := &firewall.Ruleset{Tables: []*firewall.Table{{Family: "ip", Name: "nat", Chains: []firewall.Chain{{Name: "KUBE-SERVICES"}, {Name: "FLANNEL-POSTRTG"}}}}}
	if w.table != "" {
		rules.Tables = append(rules.Tables, &firewall.Table{Family: "inet", Name: "k3sedge"})
	}
	return rules, nil
}

func (w *world) Decide(rules *firewall.Ruleset, packets []firewall.Packet) ([]firewall.Decision, error) {
	return rules.Judge(nil).DecideHere(packets), nil
}

func (w *world) Links() ([]string, error) { return []string{"lo", "eth0"}, nil }

func (w *world) Scratch(_ context.Context, ruleset string) (*firewall.Table, error) {
	if strings.Contains(ruleset, "broken") {
		return nil, fmt.Errorf("load ruleset: broken")
	}
	return &firewall.Table{Family: "inet", Name: "k3sedge"}, nil
}

const newTable = "table inet k3sedge {\n\tchain input {\n\t\ttcp dport 2222 accept\n\t}\n}\n"

// newOwner is somebody else where a test may give files away.
func newOwner() int {
	if os.Geteuid() == 0 {
		return 12345
	}
	return os.Geteuid()
}

// everything is a transaction that uses all it can.
func everything(id string) facts.Transaction {
	return facts.Transaction{
		ID: id, Window: 60,
		Files: []facts.FileChange{
			{Path: "/etc/ssh/sshd_config.d/00-k3sedge.conf", Content: "PasswordAuthentication no\n", Mode: 0o600},
			{Path: "/etc/nftables.conf", Content: "include \"/etc/nftables.d/*.nft\"\n", Mode: 0o644},
			{Path: "/etc/systemd/system/nftables.service.d/k3sedge.conf", Content: "[Service]\nExecStop=\n", Mode: 0o644},
			{Path: "/etc/sysctl.d/90-k3sedge.conf", Content: "net.ipv4.ip_forward = 1\n", Mode: 0o644},
			{Path: "/etc/ssh/sshd_config.d/50-cloud-init.conf", Absent: true},
		},
		Attrs: []facts.AttrChange{
			{Path: "/etc/crontab", Mode: 0o600, UID: newOwner(), GID: os.Getegid()},
			{Path: "/etc/cron.d", Mode: 0o700, UID: os.Geteuid(), GID: os.Getegid()},
		},
		Ruleset: tableScript(newTable), RulesetPath: "/etc/nftables.d/k3sedge.nft",
		Sysctls: map[string]string{"net.ipv4.ip_forward": "1"},
		Units: []facts.UnitChange{
			{Name: nftablesUnit, Action: "enable"}, {Name: "rpcbind.service", Action: "mask"},
			{Name: "cups.service", Action: "disable"}, {Name: "timesyncd.service", Action: "start"}, {Name: "ssh.service", Action: "reload"},
		},
	}
}
