package node

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

func hasProblem(f facts.Facts, part string) bool {
	return slices.ContainsFunc(f.Problems, func(p facts.Problem) bool { return p.Part == part && p.Error != "" })
}

const (
	asked      = " -- basic.target nftables.service ssh.service sshd.service auditd.service gone.service run-1.service never.socket"
	listFiles  = "systemctl --output=json --no-pager --full list-unit-files" + asked
	listLoaded = "systemctl --output=json --no-pager --full list-units --all" + asked
)

const ed25519Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILNyNeJuWRqnDBijIYzf6MnGWGfSSo+vGEyDB0M3zQzw"

// newLookedAt is a world in which every part of the facts can be had.
const showAlias = "systemctl show --property=Id,LoadState,UnitFileState,ActiveState "

func newLookedAt(t *testing.T) (*world, facts.Request) {
	t.Helper()
	w := newWorld(t)
	w.startSSHD(t)
	w.answer = map[string]string{
		"systemd-detect-virt --container": "systemd-nspawn\n",
		listFiles: `[{"unit_file":"basic.target","state":"static","preset":null},{"unit_file":"nftables.service","state":"disabled","preset":"enabled"},
			{"unit_file":"ssh.service","state":"enabled"},{"unit_file":"sshd.service","state":"alias"}]`,
		listLoaded: `[{"unit":"basic.target","load":"loaded","active":"active"},{"unit":"ssh.service","load":"loaded","active":"active","sub":"running"},
			{"unit":"auditd.service","load":"not-found","active":"inactive"},{"unit":"gone.service","load":"not-found","active":"active"},
			{"unit":"run-1.service","load":"loaded","active":"active"}]`,
		"systemctl show --property=ExecStart,ExecStop nftables.service": "ExecStart={ path=/usr/sbin/nft ; argv[]=/usr/sbin/nft -f /etc/nftables.conf ; ignore_errors=no ; pid=0 }\nExecStop={ path=/usr/sbin/nft ; argv[]=/usr/sbin/nft flush ruleset ; ignore_errors=no ; start_time=[n/a] }\n",
		showAlias + "sshd.service":                                      "Id=ssh.service\nLoadState=loaded\nUnitFileState=enabled\nActiveState=active\n",
		"getent passwd -- root admin nobody-else":                       "root:x:0:0:root:/root:/bin/bash\nadmin:x:1000:1000::/home/admin:/bin/bash\n",
	}
	w.put(t, "/home/admin/.ssh/authorized_keys", "# mine\n"+ed25519Key+" me\n")
	w.put(t, "/keys/admin", ed25519Key+" again\n")
	putSockets(t, w)
	putKernel(t, w)
	return w, facts.Request{
		Users: []string{"root", "admin", "nobody-else"}, Sources: []string{"10.0.0.1", "203.0.113.7"},
		Ruleset: tableScript(newTable), Files: []string{"/etc/nftables.conf", "/etc/nope"},
		Sysctls: []string{"net.ipv4.ip_forward", "net.nope", "net.ipv4.tcp_rmem"},
		Units:   askedUnits(), Keywords: []string{"acceptenv", "port", "nope"}, Packages: []string{"nftables", "telnetd"},
		Modules: []string{"udf", "overlay"},
	}
}

func askedUnits() []string {
	return []string{nftablesUnit, "ssh.service", "sshd.service", "auditd.service", "gone.service", "run-1.service", "never.socket"}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	f := Collect(t.Context(), w.host(), r)
	if len(f.Problems) != 0 {
		t.Errorf("problems: %v", f.Problems)
	}
	if f.Version != facts.Version || f.System == nil || f.System.OS != "debian" || f.System.Release != "12" ||
		f.System.Container != "systemd-nspawn" || f.System.BootID != "boot-1" || f.System.UnixTime != 1_800_000_000 {
		t.Errorf("system: %+v", f.System)
	}
	if f.Session == nil || *f.Session != (facts.Session{User: "admin", ClientAddr: "10.0.0.5", ServerAddr: "10.0.0.11", ServerPort: 22}) {
		t.Errorf("session: %+v", f.Session)
	}
	if f.Firewall == nil || f.Firewall.Own == nil || f.Firewall.Wanted == nil || !slices.Equal(f.Firewall.Foreign, []string{"ip nat"}) {
		t.Errorf("firewall: %+v", f.Firewall)
	}
	if telnetd, answered := f.Packages["telnetd"]; f.Packages["nftables"] != "1.0.6" || telnetd != "" || !answered || f.Pending != nil || f.Last != nil {
		t.Errorf("packages %v, pending %v, last %v", f.Packages, f.Pending, f.Last)
	}
	if f.SSHD == nil || !f.SSHD.Valid || len(f.SSHD.Origins) != 3 {
		t.Fatalf("sshd: %+v", f.SSHD)
	}
	// The third source is where the operator came from.
	if len(f.SSHD.Cells) != 9 || f.SSHD.Cells[2].Address != "10.0.0.5" || !slices.Equal(f.SSHD.Cells[8].Settings["acceptenv"], []string{"LANG", "LC_*"}) ||
		len(f.SSHD.Cells[0].Settings) != 2 {
		t.Errorf("cells: %+v", f.SSHD.Cells)
	}
	if f.Offer == nil || f.Offer.Address != "10.0.0.11:22" || len(f.HostKeys) != 1 || f.Daemon == nil || f.Daemon.PID != 42 || f.Moduli == nil {
		t.Errorf("offer %+v, host keys %+v, daemon %+v, moduli %+v", f.Offer, f.HostKeys, f.Daemon, f.Moduli)
	}
	checkLogins(t, f.Logins)
	checkUnitFacts(t, f.Units)
}

func checkLogins(t *testing.T, logins []facts.Login) {
	t.Helper()
	if len(logins) != 2 || logins[0].User != "root" || logins[0].Keys == nil || len(logins[0].Keys) != 0 || len(logins[1].Keys) != 2 {
		t.Fatalf("logins: %+v", logins)
	}
	want := facts.Key{
		Fingerprint: "SHA256:eTuKmnGuEPuUB97zpYBdJ3NUeQ3htzR5iPNeo5k3x8M", Type: "ssh-ed25519", Bits: 256,
		Comment: "me", File: "/home/admin/.ssh/authorized_keys", Line: 2,
	}
	if logins[1].Keys[0] != want || logins[1].Keys[1].File != "/keys/admin" {
		t.Errorf("keys: %+v", logins[1].Keys)
	}
}

func checkUnitFacts(t *testing.T, units map[string]facts.Unit) {
	t.Helper()
	want := map[string]facts.Unit{
		nftablesUnit:     {State: "disabled", Active: "inactive", ExecStart: "/usr/sbin/nft -f /etc/nftables.conf", ExecStop: "/usr/sbin/nft flush ruleset"},
		"ssh.service":    {State: "enabled", Active: "active"},
		"sshd.service":   {State: "alias", Active: "inactive", AliasOf: "ssh.service"},
		"auditd.service": {State: facts.UnitNotFound, Active: "inactive"}, // only mentioned by others
		"gone.service":   {State: facts.UnitNotFound, Active: "active"},   // runs, and its file was removed
		"run-1.service":  {Active: "active"},                              // never had a file
		"never.socket":   {State: facts.UnitNotFound, Active: "inactive"},
	}
	if !maps.Equal(units, want) {
		t.Errorf("units %+v\nwant %+v", units, want)
	}
}

// Whatever cannot be looked at is missing and named, and takes nothing else with it.
func TestCollectNamesWhatItCouldNotSee(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*testing.T, *world)
		parts []string
		gone  func(facts.Facts) bool
	}{
		"no session": {func(t *testing.T, w *world) { w.put(t, "/proc/7/environ", ""); w.put(t, "/proc/7/stat", "7 (a) S 1 1") },
			[]string{"offer", "session"}, func(f facts.Facts) bool { return f.Session == nil && f.Offer == nil }},
		"nobody answers at the port": {func(_ *testing.T, w *world) { w.refuse["dial"] = "connection refused" },
			[]string{"offer"}, func(f facts.Facts) bool { return f.Offer == nil }},
		"a host key is a folder": {func(t *testing.T, w *world) {
			w.drop(t, "/etc/ssh/ssh_host_ed25519_key")
			w.put(t, "/etc/ssh/ssh_host_ed25519_key/x", "")
		},
			[]string{"hostKeys"}, func(f facts.Facts) bool { return f.HostKeys == nil }},
		"sshd is mute": {func(_ *testing.T, w *world) { w.refuse["sshd -T"] = "no privilege separation folder" },
			[]string{"daemon", "hostKeys", "logins", "moduli", "sshd"}, func(f facts.Facts) bool {
				return f.SSHD.Cells == nil && f.Logins == nil && f.HostKeys == nil && f.Daemon == nil && f.Moduli == nil
			}},
		"no sshd_config": {func(t *testing.T, w *world) { w.drop(t, sshdConfig) },
			[]string{"sshd"}, func(f facts.Facts) bool { return f.SSHD.Origins == nil && !f.SSHD.Valid }},
		"no users": {func(_ *testing.T, w *world) { w.refuse["getent"] = "no NSS" },
			[]string{"logins"}, func(f facts.Facts) bool { return f.Logins == nil }},
		"keys are a pipe": {func(t *testing.T, w *world) { w.pipe(t, "/keys/root") },
			[]string{"logins"}, func(f facts.Facts) bool { return f.Logins == nil }},
		"wanted ruleset": {func(_ *testing.T, w *world) { w.table = "" }, nil,
			func(f facts.Facts) bool { return f.Firewall.Own == nil && f.Firewall.Wanted != nil }},
		"systemd is mute": {func(_ *testing.T, w *world) { w.refuse["list-units --all"] = "no bus" },
			[]string{"units"}, func(f facts.Facts) bool { return f.Units == nil }},
		"systemd talks": {func(_ *testing.T, w *world) {
			w.answer["systemctl show --property=ExecStart,ExecStop nftables.service"] = "ExecStop={ ??? }"
		},
			[]string{"units"}, func(f facts.Facts) bool { return f.Units == nil }},
		"an alias of nobody": {func(_ *testing.T, w *world) { w.answer[showAlias+"sshd.service"] = "Id=\n" },
			[]string{"units"}, func(f facts.Facts) bool { return f.Units == nil }},
		"no unit is on disk": {func(_ *testing.T, w *world) { w.answer[listFiles] = "[]" },
			[]string{"units"}, func(f facts.Facts) bool { return f.Units == nil }},
		"no unit is loaded": {func(_ *testing.T, w *world) { w.answer[listLoaded] = "[]" },
			[]string{"units"}, func(f facts.Facts) bool { return f.Units == nil }},
		"no dpkg": {func(t *testing.T, w *world) { w.put(t, dpkgStatus, "") },
			[]string{"kernels", "packages"}, func(f facts.Facts) bool { return f.Packages == nil && f.Kernels == nil }},
		"no os-release": {func(t *testing.T, w *world) { w.drop(t, "/etc/os-release") },
			[]string{"system"}, func(f facts.Facts) bool { return f.System == nil }},
		"a folder as a file": {func(t *testing.T, w *world) { w.drop(t, "/etc/nftables.conf"); w.put(t, "/etc/nftables.conf/x", "") },
			[]string{"files /etc/nftables.conf"}, func(f facts.Facts) bool { _, found := f.Files["/etc/nftables.conf"]; return !found }},
		"sysctl.d": {func(t *testing.T, w *world) {
			w.put(t, "/etc/sysctl.d/x.conf", "")
			w.chmodOrLoop(t, "/etc/sysctl.d/y.conf")
		},
			[]string{"sysctls net.ipv4.ip_forward", "sysctls net.ipv4.tcp_rmem", "sysctls net.nope"},
			func(f facts.Facts) bool { return len(f.Sysctls) == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := newLookedAt(t)
			c.spoil(t, w)
			f := Collect(t.Context(), w.host(), r)
			var parts []string
			for _, p := range f.Problems {
				parts = append(parts, p.Part)
			}
			if !slices.Equal(parts, c.parts) {
				t.Errorf("problems %v, want %v", f.Problems, c.parts)
			}
			if !c.gone(f) {
				t.Errorf("facts: %+v", f)
			}
		})
	}
}

func (w *world) drop(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(filepath.Join(w.root, path)); err != nil {
		t.Fatal(err)
	}
}

func (w *world) pipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(w.root, path), 0o600); err != nil {
		t.Fatal(err)
	}
}

// chmodOrLoop makes a file that even root cannot read.
func (w *world) chmodOrLoop(t *testing.T, path string) {
	t.Helper()
	w.link(t, filepath.Base(path), path)
}

func TestBrokenRulesetKeepsTheOwnTable(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	for _, ruleset := range []string{"table inet k3sedge { broken }", "flush ruleset"} {
		r.Ruleset = ruleset
		f := Collect(t.Context(), w.host(), r)
		if f.Firewall == nil || f.Firewall.Own == nil || f.Firewall.Wanted != nil || !hasProblem(f, "firewall") {
			t.Errorf("%s: %+v, %v", ruleset, f.Firewall, f.Problems)
		}
	}
}

func TestOnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	r.Only = []string{"firewall"}
	here := netip.MustParseAddr("10.0.0.11")
	r.Packets = []firewall.Packet{{Src: netip.MustParseAddr("10.0.0.5"), Dst: here, Proto: "tcp", DstPort: 22, Local: true}}
	f := Collect(t.Context(), w.host(), r)
	if f.SSHD != nil || f.Units != nil || f.System != nil || len(f.Problems) > 0 {
		t.Errorf("looked at more: %+v", f)
	}
	fw := f.Firewall
	if fw == nil || len(fw.Decisions) != 1 || fw.Decisions[0].Verdict != firewall.Accepted || fw.Kube != 1 || fw.Flannel != 1 || len(fw.Links) != 2 {
		t.Errorf("firewall: %+v", fw)
	}
}

func TestInvalidSSHDIsAFactAndNoProblem(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	w.put(t, sshdConfig, "X maybe\n")
	f := Collect(t.Context(), w.host(), r)
	if f.SSHD == nil || f.SSHD.Valid || !strings.Contains(f.SSHD.Invalid, "unsupported option") || len(f.Problems) != 0 {
		t.Errorf("sshd %+v, problems %v", f.SSHD, f.Problems)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "/etc/big", strings.Repeat("x", maxFile+1))
	w.put(t, "/etc/just", strings.Repeat("x", maxFile))
	w.pipe(t, "/etc/pipe")
	w.link(t, "just", "/etc/link")
	var out map[string]facts.File
	missing := w.host().files([]string{"/etc/big", "/etc/just", "/etc/link", "/etc/pipe", "/etc/../etc/just", "/etc/nope", "/etc/nftables.conf"}, &out)
	if len(missing) != 3 || missing["/etc/big"] == nil || missing["/etc/pipe"] == nil || missing["/etc/../etc/just"] == nil {
		t.Errorf("missing: %v", missing)
	}
	if len(out) != 4 || out["/etc/nope"].Exists || len(out["/etc/link"].Content) != maxFile {
		t.Errorf("%d files", len(out))
	}
	if f := out["/etc/nftables.conf"]; f != (facts.File{Exists: true, Content: "flush ruleset\n", Mode: 0o755, UID: os.Geteuid(), GID: os.Getegid()}) {
		t.Errorf("file: %+v", f)
	}
}

// Whom sshd lets in beside those that were asked for has keys too.
func TestTheLoginsOfOthersThatSSHDLetsIn(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	w.settings = func(string) string {
		return "allowusers admin\nallowusers eve@10.0.0.9\nallowusers *\nallowusers nobody-else\n"
	}
	w.answer["getent passwd -- root admin nobody-else eve"] = w.answer["getent passwd -- root admin nobody-else"] + "eve:x:1001:1001::/home/eve:/bin/sh\n"
	w.put(t, "/keys/eve", ed25519Key+" eve\n")
	f := Collect(t.Context(), w.host(), r)
	if len(f.Logins) != 3 || f.Logins[2].User != "eve" || len(f.Logins[2].Keys) != 1 || f.Logins[2].Keys[0].File != "/keys/eve" {
		t.Errorf("logins %+v, problems %v", f.Logins, f.Problems)
	}
}

// A pattern's own entry says that the folder was listed, and is missing when
// one of the files could not be read: a look with holes is none.
func TestFilesByPattern(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const pattern = "/etc/nftables.d/*.nft"
	var out map[string]facts.File
	if missing := w.host().files([]string{pattern, "/etc/nope/*.nft"}, &out); len(missing) != 0 || len(out) != 2 {
		t.Errorf("no such folders: %v, %v", missing, out)
	}
	w.put(t, "/etc/nftables.d/a.nft", "flush ruleset\n")
	w.put(t, "/etc/nftables.d/a.nft.off", "")
	if missing := w.host().files([]string{pattern}, &out); len(missing) != 0 || len(out) != 2 || out["/etc/nftables.d/a.nft"].Content != "flush ruleset\n" {
		t.Errorf("%v, %v", missing, out)
	}
	w.pipe(t, "/etc/nftables.d/b.nft")
	missing := w.host().files([]string{pattern}, &out)
	if _, listed := out[pattern]; listed || missing[pattern] == nil {
		t.Errorf("a file that cannot be read: %v, %v", missing, out)
	}
}

func TestSessionIsFoundAboveSudo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "/proc/9/environ", "SUDO_USER=admin\x00PATH=/bin\x00")
	w.put(t, "/proc/9/stat", "9 (a) S) S 8 9 9")
	w.put(t, "/proc/8/environ", "PATH=/bin\x00")
	w.put(t, "/proc/8/stat", "8 (sudo) S 7 8 8")
	h := w.host()
	h.PID = 9
	if s, err := h.session(); err != nil || s.ClientAddr != "10.0.0.5" || s.User != "admin" {
		t.Errorf("session %+v, %v", s, err)
	}
	for _, connection := range []string{"10.0.0.5", "10.0.0.5 1 10.0.0.1 x"} {
		w.put(t, "/proc/7/environ", "SSH_CONNECTION="+connection+"\x00")
		if s, err := h.session(); err == nil {
			t.Errorf("%q: %+v", connection, s)
		}
	}
}
