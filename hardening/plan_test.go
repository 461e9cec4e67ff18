package hardening

import (
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

func change(t facts.Transaction, path string) (facts.FileChange, bool) {
	i := slices.IndexFunc(t.Files, func(f facts.FileChange) bool { return f.Path == path })
	if i < 0 {
		return facts.FileChange{}, false
	}
	return t.Files[i], true
}

func TestTheTransactionForAStockMachine(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	plan := PlanFor(stock(t, p), p)
	tx := plan.Transaction
	var paths []string
	for _, f := range tx.Files {
		paths = append(paths, f.Path)
	}
	want := []string{
		cloudDropIn, modprobeFile, nftConfig, limitsFile, moduliFile, sshdDropIn, sysctlFile, journaldDropIn, resolvedDropIn, nftUnitFile,
	}
	if !slices.Equal(paths, want) {
		t.Errorf("files %q, wanted %q", paths, want)
	}
	if tx.Ruleset != p.Ruleset || tx.RulesetPath != rulesetFile || tx.Window != int(p.Window.Seconds()) {
		t.Errorf("ruleset at %q, window %d", tx.RulesetPath, tx.Window)
	}
	units := []facts.UnitChange{
		{Name: "rpcbind.service", Action: "disable"}, {Name: "rpcbind.service", Action: "mask"}, {Name: ctrlAltDel, Action: "mask"},
		{Name: nftUnit, Action: "enable"}, {Name: sshdUnit, Action: "reload"}, {Name: resolvedUnit, Action: "reload"}, {Name: journaldUnit, Action: "reload"},
	}
	if !slices.Equal(tx.Units, units) {
		t.Errorf("units %v", tx.Units)
	}
	if len(tx.Sysctls) != 27 || tx.Sysctls["net.ipv4.ip_forward"] != "1" || tx.Sysctls["kernel.panic"] != "10" {
		t.Errorf("sysctls %v", tx.Sysctls)
	}
	if len(plan.Blocked) > 0 || plan.Wait {
		t.Errorf("blocked %q", plan.Blocked)
	}
}

func TestOneFailingControlAsksForItsOwnOnly(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Files[rulesetFile] = facts.File{}
	tx := PlanFor(f, p).Transaction
	if tx.Ruleset == "" || len(tx.Files)+len(tx.Units)+len(tx.Sysctls) > 0 {
		t.Errorf("transaction %+v", tx)
	}
}

func TestBlockedReasonsAreToldOnce(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := stock(t, p)
	f.SSHD.Origins[0].Match = "all"
	blocked := PlanFor(f, p).Blocked
	if len(blocked) != 1 || !strings.HasPrefix(blocked[0], "SSH-01: ") || !strings.Contains(blocked[0], "first line") {
		t.Errorf("blocked %q", blocked)
	}
}

func TestKernelSettingsThatAreNotOursToChange(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Sysctls["net.ipv4.ip_forward"] = facts.Sysctl{Value: "0", Persistent: "0", Origin: "/etc/sysctl.d/99-mine.conf", ReadOnly: true}
	f.Sysctls[bridgeFilter] = facts.Sysctl{Value: "0"}
	plan := PlanFor(f, p)
	if len(plan.Transaction.Sysctls) != 1 || plan.Transaction.Sysctls[bridgeFilter] != "1" || len(plan.Transaction.Files) > 0 {
		t.Errorf("transaction %+v", plan.Transaction)
	}
	text := strings.Join(plan.Blocked, "\n")
	if !strings.Contains(text, "99-mine.conf") || !strings.Contains(text, "container") {
		t.Errorf("blocked %q", plan.Blocked)
	}
}

func TestTheGuardAgainstLockingOneselfOut(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	if err := guard(hardened(t, p), p); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(*facts.Facts)
		hint   string
	}{
		"from elsewhere": {func(f *facts.Facts) { f.Session.ClientAddr = "192.168.7.9" }, "ssh.allowFrom"},
		"no address":     {func(f *facts.Facts) { f.Session.ClientAddr = "" }, "ssh.user"},
		"as another":     {func(f *facts.Facts) { f.Session.User = "debian" }, "ssh.user"},
		"another port":   {func(f *facts.Facts) { f.Session.ServerPort = 2222 }, "ssh.port"},
		"without a key":  {func(f *facts.Facts) { f.Logins[1].Keys = nil }, "ssh.authorizedKeys"},
		"no session":     {func(f *facts.Facts) { f.Session = nil }, "ssh.user"},
		"no logins":      {func(f *facts.Facts) { f.Logins = nil }, "ssh.user"},
	}
	for name, tt := range tests {
		f := clone(t, hardened(t, p))
		tt.change(f)
		if err := guard(f, p); err == nil || !strings.Contains(hintOf(err), tt.hint) {
			t.Errorf("%s: error %v, hint %q", name, err, hintOf(err))
		}
	}
	mapped := hardened(t, p)
	mapped.Session.ClientAddr = "::ffff:10.0.0.5"
	if err := guard(mapped, p); err != nil {
		t.Errorf("an IPv4 address as a dual-stack sshd shows it: %v", err)
	}
}

func TestADangerousChangeIsNeverSent(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := stock(t, p)
	f.Session.ClientAddr = "192.168.7.9"
	h := newHost(t, f)
	if err := NewStep(p).Apply(t.Context(), h); err == nil || h.count("apply") > 0 {
		t.Errorf("error %v, calls %q", err, h.calls)
	}
}

func TestWhatBlocksTheFirewallAtBoot(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := stock(t, p)
	f.Units[nftUnit] = facts.Unit{State: facts.UnitNotFound, Active: "inactive"}
	if text := strings.Join(PlanFor(f, p).Blocked, "\n"); !strings.Contains(text, "apt-get install nftables") {
		t.Errorf("blocked %q", text)
	}
	for content, want := range map[string]int{debianNftables: 0, nftConfigText: 0, "": 0, "flush ruleset;\nadd rule ip a b drop\n": 2} {
		if line, _ := ownRules(content); line != want {
			t.Errorf("own rules at line %d, wanted %d, of\n%s", line, want, content)
		}
	}
}

// What stands beside our file is the user's: it is named, and not taken away.
func TestFilesBesideOursAreLeftToTheUser(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Files[nftFolder+"/a.nft"] = facts.File{Exists: true, Content: "# mine\nflush ruleset\ndelete table inet k3sedge\n"}
	plan := PlanFor(f, p)
	want := []string{
		"FW-14: take `delete table inet k3sedge` out of /etc/nftables.d/a.nft:3: that table is k3sedge's",
		"FW-15: take `flush ruleset` out of /etc/nftables.d/a.nft:2",
	}
	if !plan.Empty() || !slices.Equal(plan.Blocked, want) {
		t.Errorf("plan %+v", plan)
	}
}

// A rule that somebody else could write is root's in name only.
func TestLooseFilesOfTheFirewallAreMendedWhereTheyAreOurs(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Files[rulesetFile] = facts.File{Exists: true, Content: p.Ruleset, Mode: 0o666}
	f.Files[nftConfig] = facts.File{Exists: true, Content: nftConfigText, Mode: 0o755, UID: 1000}
	f.Files[nftFolder+"/z.nft"] = facts.File{Exists: true, Content: "table inet mine { }\n", Mode: 0o664, GID: 4}
	plan := PlanFor(f, p)
	if got, ok := change(plan.Transaction, nftConfig); !ok || got.Mode != 0o755 || got.Content != nftConfigText || plan.Transaction.Ruleset == "" {
		t.Errorf("transaction %+v", plan.Transaction)
	}
	want := "FW-14: /etc/nftables.d/z.nft: mode 0664, owner 0:4: run `chown root:root /etc/nftables.d/z.nft` and `chmod go-w /etc/nftables.d/z.nft`"
	if !slices.Equal(plan.Blocked, []string{want}) {
		t.Errorf("blocked %q", plan.Blocked)
	}
	// Where the file has to go anyway, nobody is sent to change its mode.
	f.Files[nftConfig] = facts.File{Exists: true, Content: nftConfigText + "flush ruleset\n", Mode: 0o777}
	plan = PlanFor(f, p)
	if got, _ := change(plan.Transaction, nftConfig); got.Content != nftConfigText || len(plan.Blocked) != 1 {
		t.Errorf("plan %+v", plan)
	}
}

func TestOtherFirewallManagersAreTurnedOff(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	for _, tt := range []struct {
		unit    facts.Unit
		action  string
		blocked int
	}{
		{facts.Unit{State: "enabled", Active: "inactive"}, "disable", 0},
		{facts.Unit{State: "disabled", Active: "active"}, "disable", 0},
		{facts.Unit{State: facts.UnitNotFound, Active: "active"}, "mask", 0},
		{facts.Unit{State: "masked", Active: "active", InTheWay: "/etc/systemd/system/ufw.service"}, "", 1},
	} {
		f := hardened(t, p)
		f.Units["ufw.service"] = tt.unit
		var want []facts.UnitChange
		if tt.action != "" {
			want = []facts.UnitChange{{Name: "ufw.service", Action: tt.action}}
		}
		if plan := PlanFor(f, p); !slices.Equal(plan.Transaction.Units, want) || len(plan.Blocked) != tt.blocked {
			t.Errorf("%+v: %+v", tt.unit, plan)
		}
	}
}

// A transaction that asks for what systemctl refuses would take all else back with it.
func TestServersThatCannotBeMaskedAreLeftToTheUser(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Units["telnetd.service"] = facts.Unit{State: "enabled", Active: "active", InTheWay: "/etc/systemd/system/telnetd.service"}
	f.Units["display-manager.service"] = facts.Unit{State: "alias", Active: "inactive", AliasOf: "slim.service", InTheWay: "/etc/systemd/system/display-manager.service"}
	f.Units["slim.service"] = facts.Unit{State: "enabled", Active: "active"}
	plan := PlanFor(f, p)
	want := []string{
		"SVC-02: telnetd.service cannot be masked, for /etc/systemd/system/telnetd.service stands there: run `systemctl disable --now telnetd.service` and take the file away",
		"SVC-02: display-manager.service stands for slim.service: run `systemctl disable --now slim.service` and `systemctl mask slim.service` if nobody needs it",
	}
	if !plan.Empty() || !slices.Equal(plan.Blocked, want) {
		t.Errorf("plan %+v", plan)
	}
}

// systemctl disable fails where there is no unit file; masking stops it too.
func TestAServerWithoutItsFileIsOnlyMasked(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	f.Units["rpcbind.service"] = facts.Unit{State: facts.UnitNotFound, Active: "active"}
	if units := PlanFor(f, p).Transaction.Units; !slices.Equal(units, []facts.UnitChange{{Name: "rpcbind.service", Action: "mask"}}) {
		t.Errorf("units %v", units)
	}
}

// The evidence can be worse than our files explain; then nothing is promised.
func TestAFailureThatOurFilesDoNotExplainIsLeftToTheUser(t *testing.T) {
	t.Parallel()
	p := testPolicy(t)
	f := hardened(t, p)
	setCells(f, p, map[string]string{"passwordauthentication": "yes"})
	plan := PlanFor(f, p)
	if !plan.Empty() || len(plan.Blocked) != 1 || !strings.HasPrefix(plan.Blocked[0], "SSH-01: everything") {
		t.Errorf("plan %+v", plan)
	}
}
