package hardening

import (
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// mutation is one fact that is other than on a hardened node, and the controls
// whose verdict it must flip; all others must stay as they were.
type mutation struct {
	name   string
	change func(f *facts.Facts, p Policy)
	want   Status
	ids    []string
}

// siteDropIn is a file of sshd's that somebody else has made.
const siteDropIn = sshdDropIns + "/99-site.conf"

// inCells changes one setting for one user from one source.
func inCells(user, source int, key string, values ...string) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, p Policy) {
		for _, c := range f.SSHD.Cells {
			if c.User == p.Users()[user] && c.Address == p.Sources()[source] {
				c.Settings[key] = values
			}
		}
	}
}

// everywhere changes one setting in every cell.
func everywhere(key string, values ...string) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		for _, c := range f.SSHD.Cells {
			c.Settings[key] = values
		}
	}
}

func file(path string, change func(*facts.File)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		have := f.Files[path]
		change(&have)
		f.Files[path] = have
	}
}

func unit(name string, u facts.Unit) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Units[name] = u }
}

func alias(target string, u facts.Unit) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) {
		f.Units["nfs-kernel-server.service"] = facts.Unit{State: "alias", Active: "inactive", AliasOf: target}
		f.Units[target] = u
	}
}

func sysctl(key string, s facts.Sysctl) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.Sysctls[key] = s }
}

func firstOrigin(o facts.Origin) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.SSHD.Origins = append([]facts.Origin{o}, f.SSHD.Origins...) }
}

func lastOrigin(o facts.Origin) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { f.SSHD.Origins = append(f.SSHD.Origins, o) }
}

func adminKeys(change func(*facts.Key)) func(*facts.Facts, Policy) {
	return func(f *facts.Facts, _ Policy) { change(&f.Logins[1].Keys[0]) }
}

func sshMutations() []mutation {
	inMatch := func(key, value string) facts.Origin {
		return facts.Origin{Key: key, Value: value, File: sshdConfig, Line: 9, Match: "Address 10.0.0.0/8"}
	}
	return []mutation{
		{"passwords in every cell", everywhere("passwordauthentication", "yes"), Fail, []string{"SSH-01"}},
		{"passwords in one cell", inCells(2, 3, "passwordauthentication", "yes"), Fail, []string{"SSH-01", "SSH-06"}},
		{"no word of passwords", everywhere("passwordauthentication"), Fail, []string{"SSH-01"}},
		{"keyboard-interactive", everywhere("kbdinteractiveauthentication", "yes"), Fail, []string{"SSH-02"}},
		{"root by password", everywhere("permitrootlogin", "yes"), Fail, []string{"SSH-03"}},
		{"root by key", everywhere("permitrootlogin", "without-password"), Fail, []string{"SSH-03"}},
		{"no public keys", everywhere("pubkeyauthentication", "no"), Fail, []string{"SSH-04"}},
		{"any method", everywhere("authenticationmethods", "any"), Fail, []string{"SSH-04"}},
		{"an earlier file", firstOrigin(facts.Origin{Key: "kbdinteractiveauthentication", Value: "yes", File: sshdDropIns + "/00-a.conf", Line: 1}), Fail, []string{"SSH-05"}},
		{"no origins", func(f *facts.Facts, _ Policy) { f.SSHD.Origins = nil }, Fail, []string{"SSH-05"}},
		{"cloud-init", file(cloudConfig, func(f *facts.File) { f.Exists = true }), Fail, []string{"SSH-05"}},
		{"a hidden Match", lastOrigin(inMatch("passwordauthentication", "yes")), Fail, []string{"SSH-06"}},
		{"a Match for other users", lastOrigin(inMatch("allowusers", "admin *")), Fail, []string{"SSH-06"}},
		{"a Match for one more", lastOrigin(inMatch("allowusers", "admin eve")), Fail, []string{"SSH-06"}},
		{"a Match that only repeats", lastOrigin(inMatch("passwordauthentication", "no")), Pass, nil},
		{"empty passwords", everywhere("permitemptypasswords", "yes"), Fail, []string{"SSH-07"}},
		{"host-based", everywhere("hostbasedauthentication", "yes"), Fail, []string{"SSH-07"}},
		{"rhosts", everywhere("ignorerhosts", "no"), Fail, []string{"SSH-07"}},
		{"user environment", everywhere("permituserenvironment", "yes"), Fail, []string{"SSH-07"}},
		{"anybody", func(f *facts.Facts, p Policy) {
			for _, c := range f.SSHD.Cells {
				delete(c.Settings, "allowusers")
			}
		}, Fail, []string{"SSH-12"}},
		{"a pattern", everywhere("allowusers", "admin", "*"), Fail, []string{"SSH-12"}},
		{"not the admin", everywhere("allowusers", "alice"), Fail, []string{"SSH-12"}},
		{"the admin and alice", everywhere("allowusers", "alice", "admin"), Pass, nil},
		{"a stranger's key", adminKeys(func(k *facts.Key) { k.Fingerprint = "SHA256:stranger" }), Fail, []string{"SSH-16", "ACC-04"}},
		{"a short key", adminKeys(func(k *facts.Key) { k.Type, k.Bits = "ssh-rsa", 2048 }), Fail, []string{"SSH-16"}},
		{"a long key", adminKeys(func(k *facts.Key) { k.Type, k.Bits = "ssh-rsa", 3072 }), Pass, nil},
		{"a DSA key", adminKeys(func(k *facts.Key) { k.Type = "ssh-dss" }), Fail, []string{"SSH-16"}},
		{"no admin", func(f *facts.Facts, _ Policy) { f.Logins = f.Logins[:1] }, Fail, []string{"SSH-16", "ACC-04"}},
		{"keys from a program", lastOrigin(facts.Origin{Key: "authorizedkeyscommand", Value: "/usr/local/bin/keys", File: sshdConfig, Line: 9}), Fail, []string{"SSH-16"}},
		{"no keys from a program", lastOrigin(facts.Origin{Key: "authorizedkeyscommand", Value: "none", File: sshdConfig, Line: 9}), Pass, nil},
		{"logins by an authority", lastOrigin(inMatch("trustedusercakeys", "/etc/ssh/ca.pub")), Fail, []string{"SSH-16"}},
		{"other keys for some", lastOrigin(inMatch("authorizedkeysfile", "/etc/ssh/more_keys")), Fail, []string{"SSH-16"}},
		{"other keys for all", lastOrigin(facts.Origin{Key: "authorizedkeysfile", Value: "/etc/ssh/keys", File: sshdConfig, Line: 9}), Pass, nil}, // the agent reads them
		{"writable for all", file(sshdConfig, func(f *facts.File) { f.Mode = 0o666 }), Fail, []string{"SSH-16"}},
		{"somebody's file", file(sshdDropIn, func(f *facts.File) { f.UID = 1000 }), Fail, []string{"SSH-16"}},
		{"a site's file writable for all", file(siteDropIn, func(f *facts.File) { f.Exists, f.Mode = true, 0o666 }), Fail, []string{"SSH-16"}},
		{"a site's file of somebody's", file(siteDropIn, func(f *facts.File) { f.Exists, f.Mode, f.GID = true, 0o600, 4 }), Fail, []string{"SSH-16"}},
		{"a site's file for root", file(siteDropIn, func(f *facts.File) { f.Exists, f.Mode = true, 0o600 }), Pass, nil},
		{"drop-ins not listed", func(f *facts.Facts, _ Policy) { delete(f.Files, sshdFiles) }, Unknown, []string{"SSH-16"}},
		{"tighter mode", file(sshdConfig, func(f *facts.File) { f.Mode = 0o600 }), Pass, nil},
		{"no sshd_config", file(sshdConfig, func(f *facts.File) { f.Exists = false }), Unknown, []string{"SSH-16"}},
		{
			"invalid", func(f *facts.Facts, _ Policy) { f.SSHD.Valid, f.SSHD.Invalid = false, "line 3: bad" }, Unknown,
			[]string{"SSH-01", "SSH-02", "SSH-03", "SSH-04", "SSH-05", "SSH-06", "SSH-07", "SSH-08", "SSH-09", "SSH-12", "SSH-13", "SSH-14", "SSH-15"},
		},
		{
			"a cell is missing", func(f *facts.Facts, _ Policy) { f.SSHD.Cells = f.SSHD.Cells[1:] }, Unknown,
			[]string{"SSH-01", "SSH-02", "SSH-03", "SSH-04", "SSH-06", "SSH-07", "SSH-08", "SSH-09", "SSH-12", "SSH-13", "SSH-14", "SSH-15"},
		},
	}
}

func otherMutations() []mutation {
	on := facts.Sysctl{Value: "1", Origin: sysctlFile, Persistent: "1"}
	off, lost, gone := on, on, on
	off.Value, lost.Persistent, gone.Absent = "0", "", true
	return []mutation{
		{"no table", func(f *facts.Facts, _ Policy) { f.Firewall.Own = nil }, Fail, []string{"FW-01", "FW-02", "FW-03", "FW-04", "FW-05", "FW-06", "FW-07", "FW-08", "FW-09", "FW-10", "FW-11", "FW-12", "FW-13", "FW-14", "FW-17"}},
		{"nothing to compare with", func(f *facts.Facts, _ Policy) { f.Firewall.Wanted = nil }, Unknown, []string{"FW-01", "FW-14"}},
		{"unit disabled", unit(nftUnit, facts.Unit{State: "disabled", Active: "active"}), Fail, []string{"FW-14"}},
		{"nftables not installed", unit(nftUnit, facts.Unit{State: facts.UnitNotFound, Active: "inactive"}), Fail, []string{"FW-14"}},
		{"the unit loads something else", unit(nftUnit, facts.Unit{State: "enabled", Active: "active", ExecStart: "/bin/true"}), Fail, []string{"FW-14"}},
		{"a ruleset others write", file(rulesetFile, func(f *facts.File) { f.Mode = 0o660 }), Fail, []string{"FW-14"}},
		{"somebody's ruleset", file(rulesetFile, func(f *facts.File) { f.UID = 1000 }), Fail, []string{"FW-14"}},
		{"a configuration others write", file(nftConfig, func(f *facts.File) { f.Mode = 0o777 }), Fail, []string{"FW-14"}},
		{"somebody's configuration", file(nftConfig, func(f *facts.File) { f.GID = 1000 }), Fail, []string{"FW-14"}},
		{"a configuration that is not run", file(nftConfig, func(f *facts.File) { f.Mode = 0o644 }), Pass, nil},
		{"a file beside ours that others write", file(nftFolder+"/z.nft", func(f *facts.File) { f.Exists, f.Mode = true, 0o666 }), Fail, []string{"FW-14"}},
		{"unit not looked at", func(f *facts.Facts, _ Policy) { delete(f.Units, nftUnit) }, Unknown, []string{"FW-14", "FW-15"}},
		{"unit without an answer", unit(nftUnit, facts.Unit{}), Unknown, []string{"FW-14", "FW-15"}},
		{"a server not looked at", func(f *facts.Facts, _ Policy) { delete(f.Units, "rsh.socket") }, Unknown, []string{"SVC-02"}},
		{"a manager not looked at", func(f *facts.Facts, _ Policy) { delete(f.Units, "ufw.service") }, Unknown, []string{"FW-15", "SVC-04"}},
		{"nothing included", file(nftConfig, func(f *facts.File) { f.Content = "# include \"/etc/nftables.d/*.nft\"\n" }), Fail, []string{"FW-14"}},
		{"another ruleset on disk", file(rulesetFile, func(f *facts.File) { f.Content += "#" }), Fail, []string{"FW-14"}},
		{"flush in the file", file(nftConfig, func(f *facts.File) { f.Content += "flush   ruleset\n" }), Fail, []string{"FW-15"}},
		{"flush in a comment", file(nftConfig, func(f *facts.File) { f.Content += "# flush ruleset\n" }), Pass, nil},
		{"flush in a file beside ours", file(nftFolder+"/a.nft", func(f *facts.File) { f.Exists, f.Content = true, "flush ruleset\n" }), Fail, []string{"FW-15"}},
		{"our table in a file beside ours", file(nftFolder+"/z.nft", func(f *facts.File) { f.Exists, f.Content = true, "add rule  inet k3sedge input accept\n" }), Fail, []string{"FW-14"}},
		{"our table in the file", file(nftConfig, func(f *facts.File) { f.Content += "delete table inet k3sedge\n" }), Fail, []string{"FW-14"}},
		{"another table beside ours", file(nftFolder+"/z.nft", func(f *facts.File) { f.Exists, f.Content = true, "table inet mine { } # not inet k3sedge\n" }), Pass, nil},
		{"flush at stop", unit(nftUnit, facts.Unit{State: "enabled", Active: "active", ExecStart: nftStart, ExecStop: "/usr/sbin/nft flush ruleset"}), Fail, []string{"FW-15"}},
		{"ufw", unit("ufw.service", facts.Unit{State: "enabled", Active: "inactive"}), Fail, []string{"FW-15", "SVC-04"}},
		{"ufw, running without being enabled", unit("ufw.service", facts.Unit{State: "disabled", Active: "active"}), Fail, []string{"FW-15", "SVC-04"}},
		{"firewalld, masked and running", unit("firewalld.service", facts.Unit{State: "masked", Active: "active"}), Fail, []string{"FW-15", "SVC-04"}},
		{"ufw, disabled", unit("ufw.service", facts.Unit{State: "disabled", Active: "inactive"}), Pass, nil},
		{"pending", func(f *facts.Facts, _ Policy) { f.Pending = &facts.Pending{ID: "x", Deadline: 1030} }, Fail, []string{"FW-18"}},
		{"avahi", unit("avahi-daemon.service", facts.Unit{State: "enabled", Active: "active"}), Fail, []string{"SVC-02"}},
		{"cups by socket", unit("cups.socket", facts.Unit{State: "disabled", Active: "inactive"}), Fail, []string{"SVC-02"}},
		{"masked but running", unit("rpcbind.service", facts.Unit{State: "masked", Active: "active"}), Fail, []string{"SVC-02"}},
		{"running without its file", unit("rpcbind.service", facts.Unit{State: facts.UnitNotFound, Active: "active"}), Fail, []string{"SVC-02"}},
		{"an alias of one on the list", alias("nfs-server.service", facts.Unit{State: "masked", Active: "inactive"}), Pass, nil},
		{"an alias of one beside the list", alias("slim.service", facts.Unit{State: "enabled", Active: "inactive"}), Fail, []string{"SVC-02"}},
		{"an alias of one that runs", alias("slim.service", facts.Unit{State: "masked", Active: "active"}), Fail, []string{"SVC-02"}},
		{"an alias of a masked one", alias("slim.service", facts.Unit{State: "masked", Active: "inactive"}), Pass, nil},
		{"an alias of nobody knows what", unit("nfs-kernel-server.service", facts.Unit{State: "alias", Active: "inactive"}), Unknown, []string{"SVC-02"}},
		{"masked", unit("rpcbind.service", facts.Unit{State: "masked", Active: "inactive"}), Pass, nil},
		{"forwarding off", sysctl("net.ipv4.ip_forward", off), Fail, []string{"KRN-01", "KRN-13"}},
		{"forwarding not kept", sysctl("net.ipv4.conf.all.forwarding", lost), Fail, []string{"KRN-01", "KRN-13"}},
		{"forwarding unknown", sysctl("net.ipv4.ip_forward", gone), Unknown, []string{"KRN-01"}},
		{"the kernel goes on after an oops", sysctl("kernel.panic_on_oops", off), Fail, []string{"KRN-10", "KRN-13"}},
		{"an oops in a container", sysctl("kernel.panic_on_oops", facts.Sysctl{Value: "0", ReadOnly: true}), NotApplicable, []string{"KRN-10"}},
		{"a container that tells nothing", sysctl("kernel.panic_on_oops", facts.Sysctl{ReadOnly: true}), Unknown, []string{"KRN-10", "KRN-13"}},
		{"every port for everybody", sysctl("net.ipv4.ip_unprivileged_port_start", facts.Sysctl{Value: "0", Origin: sysctlFile, Persistent: "0"}), Fail, []string{"EDG-10"}},
		{"bridges not filtered", sysctl(bridgeFilter, facts.Sysctl{Value: "0"}), Fail, []string{"KRN-01"}},
		{"bridges unreadable", sysctl(bridgeFilter, facts.Sysctl{}), Unknown, []string{"KRN-01"}},
		{"bridges filtered", sysctl(bridgeFilter, facts.Sysctl{Value: "1"}), Pass, nil},
	}
}

func TestFlippingAFactFlipsTheVerdict(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	good, flipped := hardened(t, p), map[string]bool{}
	all := slices.Concat(
		sshMutations(),
		sshdMutations(),
		otherMutations(),
		packetMutations(),
		filesystemMutations(),
		accountMutations(),
		packageMutations(),
		diskMutations(),
		k3sMutations(),
		edgeMutations(),
		kernelMutations(),
		serviceMutations(),
	)
	for _, m := range all {
		f := clone(t, good)
		m.change(f, p)
		for _, finding := range Judge(f, p).Findings {
			want := Pass
			if slices.Contains(m.ids, finding.ID) {
				want = m.want
			}
			if finding.Status != want {
				t.Errorf("%s: %s is %s, wanted %s: %q", m.name, finding.ID, finding.Status, want, finding.Evidence)
			}
			if want == Fail && (len(finding.Evidence) == 0 || len(finding.Mend) == 0 || finding.Have == "" || finding.Want == "") {
				t.Errorf("%s: %s fails without evidence, have, want or mend: %+v", m.name, finding.ID, finding)
			}
			flipped[finding.ID] = flipped[finding.ID] || want == Fail
		}
	}
	for _, c := range Controls() {
		if !flipped[c.ID] {
			t.Errorf("no mutation makes %s fail", c.ID)
		}
	}
}

func TestRootLoginByKeyIsMilder(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	for value, want := range map[string]Severity{"yes": High, "without-password": Medium, "prohibit-password": Medium} {
		f := hardened(t, p)
		everywhere("permitrootlogin", value)(f, p)
		i := slices.IndexFunc(Judge(f, p).Findings, func(f Finding) bool { return f.ID == "SSH-03" })
		if got := Judge(f, p).Findings[i].Severity; got != want {
			t.Errorf("permitrootlogin %s is %s, wanted %s", value, got, want)
		}
	}
}

func TestAFileTransferOnlyBlockIsLetBe(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	block := facts.Origin{File: sshdConfig, Line: 9, Match: "Group upload"}
	for key, value := range map[string]string{"passwordauthentication": "yes", "authorizedkeysfile": "/etc/ssh/upload_keys", "forcecommand": "internal-sftp -d /in"} {
		o := block
		o.Key, o.Value = key, value
		f.SSHD.Origins = append(f.SSHD.Origins, o)
	}
	for _, finding := range Judge(f, p).With(Fail) {
		t.Errorf("%s fails: %q", finding.ID, finding.Evidence)
	}
	for i, o := range f.SSHD.Origins {
		if o.Key == "forcecommand" {
			f.SSHD.Origins[i].Value = "internal-sftp-and-more" // a program like any other
		}
	}
	if failed := Judge(f, p).With(Fail); len(failed) != 2 {
		t.Errorf("a block that forces another program: %+v", failed)
	}
}
