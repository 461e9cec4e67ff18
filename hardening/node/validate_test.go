package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Every transaction that is refused is refused before anything is touched.
func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	file := func(path string, mode uint32) func(*facts.Transaction) {
		return func(tx *facts.Transaction) { tx.Files[0].Path, tx.Files[0].Mode = path, mode }
	}
	ruleset := func(text string) func(*facts.Transaction) {
		return func(tx *facts.Transaction) { tx.Ruleset = text }
	}
	act := func(name, action string) func(*facts.Transaction) {
		return func(tx *facts.Transaction) { tx.Units = []facts.UnitChange{{Name: name, Action: action}} }
	}
	also := func(f facts.FileChange) func(*facts.Transaction) {
		return func(tx *facts.Transaction) { tx.Files = append(tx.Files, f) }
	}
	own := func(path string, mode uint32) func(*facts.Transaction) {
		return func(tx *facts.Transaction) { tx.Attrs[0].Path, tx.Attrs[0].Mode = path, mode }
	}
	for name, c := range map[string]struct {
		spoil func(*facts.Transaction)
		says  string
	}{
		"window too short":      {func(tx *facts.Transaction) { tx.Window = 9 }, "window of 9"},
		"window too long":       {func(tx *facts.Transaction) { tx.Window = 601 }, "window of 601"},
		"no ID":                 {func(tx *facts.Transaction) { tx.ID = "" }, "transaction ID"},
		"ID is a path":          {func(tx *facts.Transaction) { tx.ID = "../x" }, "transaction ID"},
		"nothing":               {func(tx *facts.Transaction) { *tx = facts.Transaction{ID: "tx1", Window: 60} }, "changes nothing"},
		"relative":              {file("etc/sysctl.d/x.conf", 0o644), "not an absolute, clean path"},
		"dots":                  {file("/etc/sysctl.d/../shadow", 0o644), "not an absolute, clean path"},
		"elsewhere":             {file("/etc/shadow", 0o600), "not in a folder"},
		"the folder itself":     {file("/etc/sysctl.d", 0o644), "not in a folder"},
		"name alike":            {file("/etc/sysctl.d2/x.conf", 0o644), "not in a folder"},
		"hidden":                {file("/etc/sysctl.d/.x", 0o644), "keeps for itself"},
		"the boot unit":         {file(bootUnitFile, 0o644), "keeps for itself"},
		"others write":          {file("/etc/sysctl.d/x.conf", 0o666), "mode 0666"},
		"setuid":                {file("/etc/sysctl.d/x.conf", 0o4755), "mode 04755"},
		"no mode":               {file("/etc/sysctl.d/x.conf", 0), "mode 0"},
		"twice":                 {file("/etc/nftables.conf", 0o644), "named twice"},
		"ruleset as a file":     {file("/etc/nftables.d/k3sedge.nft", 0o644), "named twice"},
		"below a file":          {file("/etc/systemd/system/other.service/x.conf", 0o644), "is not a folder"},
		"too large":             {func(tx *facts.Transaction) { tx.Files[0].Content = strings.Repeat("x", maxFile+1) }, "larger than"},
		"flush":                 {ruleset("flush ruleset\n" + tableScript(newTable)), "flush ruleset"},
		"another table":         {ruleset("table ip nat {\n}\n"), "table ip nat"},
		"nft refuses":           {ruleset("table inet k3sedge { broken }"), "unexpected broken"},
		"ruleset path":          {func(tx *facts.Transaction) { tx.RulesetPath = "/root/x" }, "not in a folder"},
		"sshd refuses":          {func(tx *facts.Transaction) { tx.Files[0].Content = "\nX maybe\n" }, "sshd_config.d/00-k3sedge.conf line 2: unsupported"},
		"boot firewall":         {func(tx *facts.Transaction) { tx.Files[1].Content = "broken" }, "/etc/nftables.conf"},
		"no such sysctl":        {func(tx *facts.Transaction) { tx.Sysctls["net.nope"] = "1" }, "no such key"},
		"sysctl outside":        {func(tx *facts.Transaction) { tx.Sysctls["../../etc/passwd"] = "1" }, "not a key"},
		"two lines":             {func(tx *facts.Transaction) { tx.Sysctls["net.ipv4.ip_forward"] = "1\n2" }, "not a value"},
		"unit action":           {act("ssh.service", "restart"), "want reload"},
		"unit name":             {act("--now", "enable"), "not a unit"},
		"our own unit":          {act("k3sedge-rollback.timer", "mask"), "not a unit"},
		"no such unit":          {act("nope.service", "disable"), "no such unit"},
		"flushing reload":       {act(nftablesUnit, "reload"), "flush the tables of others"},
		"sudo refuses":          {also(facts.FileChange{Path: "/etc/sudoers.d/k3sedge", Content: "broken", Mode: 0o440}), "stdin:1:1: syntax error"},
		"sudo's mode":           {also(facts.FileChange{Path: "/etc/sudoers.d/k3sedge", Mode: 0o644}), "sudo wants 0440"},
		"sudo would not read":   {also(facts.FileChange{Path: "/etc/sudoers.d/k3sedge.conf", Mode: 0o440}), "with a dot"},
		"sudo itself":           {also(facts.FileChange{Path: "/etc/sudoers", Mode: 0o440}), "not in a folder"},
		"su without root":       {also(facts.FileChange{Path: "/etc/pam.d/su", Content: "auth required pam_wheel.so\n", Mode: 0o644}), "no longer lets root through"},
		"an owner elsewhere":    {own("/usr/bin/sudo", 0o600), "not in a folder"},
		"an owner by dots":      {own("/etc/../usr/x", 0o600), "not an absolute, clean path"},
		"an owner of nothing":   {own("/etc/nope", 0o600), "no such file"},
		"an owner by a link":    {own("/etc/cron.link/other", 0o600), "too many levels"},
		"an owner of a link":    {own("/etc/cron.link", 0o600), "too many levels"},
		"an owner of a pipe":    {own("/etc/pipe", 0o600), "neither a file nor a folder"},
		"an owner of two names": {own("/etc/two", 0o600), "another name"},
		"an owner and a file":   {own("/etc/nftables.conf", 0o600), "named twice"},
		"an owner twice":        {own("/etc/cron.d", 0o700), "named twice"},
		"more for others":       {own("/etc/crontab", 0o646), "would allow more"},
		"setuid by owner":       {own("/etc/crontab", 0o4600), "want permission bits"},
		"nobody's number":       {func(tx *facts.Transaction) { tx.Attrs[0].UID = -1 }, "want permission bits"},
		"closing the door":      {act("ssh.service", "mask"), "only way in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.link(t, "cron.d", "/etc/cron.link")
			w.pipe(t, "/etc/pipe")
			w.put(t, "/etc/two", "")
			w.hardLink(t, "/etc/two", "/etc/cron.d/two")
			before := w.state(t)
			tx := everything("tx1")
			c.spoil(&tx)
			_, err := Apply(t.Context(), w.host(), tx)
			if err == nil || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
			w.same(t, before)
			w.disarmed(t)
		})
	}
}

func TestWindowBounds(t *testing.T) {
	t.Parallel()
	for _, window := range []int{minWindow, maxWindow} {
		w := newWorld(t)
		tx := everything("tx1")
		tx.Window = window
		if done, err := Apply(t.Context(), w.host(), tx); err != nil || done.Deadline != 1_800_000_000+int64(window) {
			t.Errorf("window %d: %+v, %v", window, done, err)
		}
	}
}

// A link in the path would make the change somewhere else.
func TestApplyRefusesFoldersThatAreLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link(t, "/tmp", "/etc/modprobe.d")
	tx := everything("tx1")
	tx.Files = append(tx.Files, facts.FileChange{Path: "/etc/modprobe.d/x.conf", Mode: 0o644})
	if _, err := Apply(t.Context(), w.host(), tx); err == nil || !strings.Contains(err.Error(), "/etc/modprobe.d is not a folder") {
		t.Errorf("error: %v", err)
	}
}

func TestApplyRefusesATableWithoutAWayBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.table = "table inet k3sedge {\n\tbroken\n}\n"
	before := w.state(t)
	if _, err := Apply(t.Context(), w.host(), everything("tx1")); err == nil || !strings.Contains(err.Error(), "no way back") {
		t.Errorf("error: %v", err)
	}
	w.same(t, before)
}

// What is wrong with sshd's configuration is found where it will stand: in a
// drop-in, behind an Include, and not in a file that the change takes away.
func TestStagedConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*testing.T, *world, *facts.Transaction)
		says  string
	}{
		"fine": {func(*testing.T, *world, *facts.Transaction) {}, ""},
		"old file goes away": {func(t *testing.T, w *world, _ *facts.Transaction) {
			w.put(t, "/etc/ssh/sshd_config.d/50-cloud-init.conf", "X maybe\n")
		}, ""},
		"old file stays": {func(t *testing.T, w *world, _ *facts.Transaction) {
			w.put(t, "/etc/ssh/sshd_config.d/60-x.conf", "#\nX maybe\n")
		}, "/etc/ssh/sshd_config.d/60-x.conf line 2"},
		"two levels": {func(t *testing.T, w *world, tx *facts.Transaction) {
			w.put(t, "/etc/ssh/extra", "X maybe\n")
			tx.Files[0].Content = "Include extra\n"
		}, "/etc/ssh/extra line 1"},
		"dangling link": {func(t *testing.T, w *world, _ *facts.Transaction) {
			w.link(t, "/nowhere", "/etc/ssh/sshd_config.d/70-x.conf")
		}, ""},
		"round and round": {func(_ *testing.T, _ *world, tx *facts.Transaction) {
			tx.Files[0].Content = "Include /etc/ssh/sshd_config\n"
		}, "too many levels"},
		"no main file": {func(_ *testing.T, _ *world, tx *facts.Transaction) {
			tx.Files[0] = facts.FileChange{Path: sshdConfig, Absent: true}
		}, "assemble sshd's configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tx := everything("tx1")
			c.spoil(t, w, &tx)
			err := w.host().checkSSHD(t.Context(), tx)
			if (err == nil) != (c.says == "") || !strings.Contains(fmt.Sprint(err), c.says) && c.says != "" {
				t.Errorf("error %v, want %q", err, c.says)
			}
			if w.exists(stageDir) {
				t.Error("the copies are still there")
			}
		})
	}
}

func TestCheckRuleset(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		tableScript(newTable): true,
		"table inet k3sedge { chain x { accept comment \"} flush ruleset\" } }": true,
		"# flush ruleset\ntable inet k3sedge {\n# }\n}\n":                       true,
		"destroy table inet k3sedge; table inet k3sedge {}":                     true,
		"": false, "# only a comment\n": false,
		"flush ruleset": false, "table inet k3sedge {} ; flush ruleset": false,
		"table inet k3sedge { } flush ruleset": false, "include \"/etc/x\"": false,
		"table inet k3sedge {\ninclude \"/tmp/x\"\n}": false,
		"table inet k3sedge {;include \"/tmp/x\"\n}":  false,
		"table inet k3sedge {":                        false,
		"table inet k3sedge }{":                       false,
		"table inet k3sedge { \"":                     false,
		"table ip k3sedge {}":                         false,
		"add rule ip filter INPUT accept":             false,
		"delete table inet \\\nother":                 false,
		"define x = 1\ntable inet k3sedge {}":         false,
		"table inet k3sedge # {\nflush ruleset # }":   false,
	} {
		if err := checkRuleset(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzCheckRuleset(f *testing.F) {
	f.Add(tableScript(newTable))
	f.Add("table inet k3sedge { # \"\n} flush ruleset")
	f.Fuzz(func(t *testing.T, text string) {
		if checkRuleset(text) == nil && checkRuleset(text+"\n; flush ruleset") == nil {
			t.Errorf("%q hides what follows it", text)
		}
	})
}
