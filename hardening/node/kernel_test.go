package node

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const (
	listFailed  = "systemctl --output=json --no-pager --full list-units --state=failed"
	askJournal  = "journalctl --quiet --no-pager --boot --lines=200 --output=json --output-fields=_PID,MESSAGE "
	ownJournal  = askJournal + "_PID=5 _PID=6"
	machineID   = "0123456789abcdef0123456789abcdef"
	modulesHere = "/lib/modules/6.1.0-30-cloud-amd64/"
)

// putKernel makes what modprobe, the clock and the journal are asked for.
func putKernel(t *testing.T, w *world) {
	t.Helper()
	w.put(t, "/proc/modules", "overlay 163840 2 - Live 0x0\nnf_conntrack 180224 1 x, Live 0x0\n")
	w.put(t, modulesHere+"modules.builtin", "kernel/fs/ext4/ext4.ko\n")
	w.put(t, modulesHere+"modules.dep", "kernel/fs/udf/udf.ko.xz: kernel/lib/crc-itu-t.ko.xz\nkernel/drivers/net/vxlan/vxlan.ko:\nkernel/net/bridge/br-netfilter.ko: a.ko\n")
	w.put(t, "/etc/modprobe.d/k3sedge.conf", "# ours\ninstall udf /bin/false\nblacklist udf\ninstall br-netfilter /sbin/modprobe --ignore-install \\\n  br_netfilter\n")
	w.put(t, "/lib/modprobe.d/k3sedge.conf", "install overlay /bin/false\n") // hidden
	w.put(t, "/lib/modprobe.d/z.conf", "install udf /bin/true\noptions udf x=1\ninstall x\n")
	w.clock = facts.Clock{Synchronized: true, MaxError: 1500}
	w.put(t, "/etc/machine-id", machineID+"\n")
	w.put(t, journalFolder+"/"+machineID+"/system.journal", "")
	w.put(t, "/proc/7/comm", "k3sedge-node\n")
	w.put(t, "/proc/7/stat", "7 (k3sedge-node) S 6 7 7")
	w.put(t, "/proc/6/comm", "sudo\n")
	w.put(t, "/proc/6/stat", "6 (sudo) S 5 6 6")
	w.put(t, "/proc/5/comm", "sshd\n")
	w.put(t, "/proc/5/stat", "5 (sshd) S 1 5 5")
	w.answer[listFailed] = `[{"unit":"x.service","load":"loaded","active":"failed","sub":"failed"}]`
	w.answer[ownJournal] = `{"_PID":"5","MESSAGE":"Accepted publickey for admin"}` + "\n" + `{"_PID":"5","MESSAGE":[1,2]}` + "\n\n" + `{"_PID":"6","MESSAGE":"admin : COMMAND=x"}` + "\n"
}

func TestKernelFacts(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	f := Collect(t.Context(), w.host(), r)
	want := map[string]facts.Module{
		"udf":     {OnDisk: true, Install: "/bin/false", InstallFile: "/etc/modprobe.d/k3sedge.conf", Blacklisted: true},
		"overlay": {Loaded: true},
	}
	if !maps.Equal(f.Modules, want) {
		t.Errorf("modules %+v", f.Modules)
	}
	if f.Clock == nil || *f.Clock != w.clock || !slices.Equal(f.FailedUnits, []string{"x.service"}) {
		t.Errorf("clock %+v, failed %q", f.Clock, f.FailedUnits)
	}
	session := []facts.Record{
		{Program: "sshd", PID: 5, Messages: []string{"Accepted publickey for admin"}},
		{Program: "sudo", PID: 6, Messages: []string{"admin : COMMAND=x"}},
	}
	if f.Journal == nil || !f.Journal.Kept || !reflect.DeepEqual(f.Journal.Session, session) {
		t.Errorf("journal %+v", f.Journal)
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	putKernel(t, w)
	have, err := w.host().modules([]string{"ext4", "vxlan", "br_netfilter", "nf_conntrack", "nope"})
	want := map[string]facts.Module{
		"ext4": {BuiltIn: true}, "vxlan": {OnDisk: true}, "nf_conntrack": {Loaded: true}, "nope": {},
		"br_netfilter": {OnDisk: true, Install: "/sbin/modprobe --ignore-install br_netfilter", InstallFile: "/etc/modprobe.d/k3sedge.conf"},
	}
	if err != nil || !maps.Equal(have, want) {
		t.Errorf("%+v, %v", have, err)
	}
	w.drop(t, "/proc/modules") // a kernel that takes none
	if have, err := w.host().modules([]string{"overlay"}); err != nil || have["overlay"].Loaded {
		t.Errorf("%+v, %v", have, err)
	}
	w.chmodOrLoop(t, "/etc/modprobe.d/loop.conf")
	if have, err := w.host().modules([]string{"overlay"}); err == nil {
		t.Errorf("%+v", have)
	}
}

func TestKernelPartsThatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for part, spoil := range map[string]func(*world, *Host){
		"failedUnits": func(w *world, _ *Host) { w.refuse["--state=failed"] = "no bus" },
		"clock": func(_ *world, h *Host) {
			h.Clock = func() (facts.Clock, error) { return facts.Clock{}, errors.New("no") }
		},
		"journal": func(w *world, _ *Host) { w.answer[ownJournal] = "nonsense" },
		"modules": func(w *world, _ *Host) { w.put(t, "/lib/modules/6.1.0-30-cloud-amd64/modules.dep/x", "") },
	} {
		w, r := newLookedAt(t)
		if part == "modules" {
			w.drop(t, modulesHere+"modules.dep")
		}
		h := w.host()
		spoil(w, &h)
		if f := Collect(t.Context(), h, r); len(f.Problems) != 1 || f.Problems[0].Part != part {
			t.Errorf("%s: %+v", part, f.Problems)
		}
	}
}

// A journal that a restart takes away, and a session that left no trace.
func TestAJournalOfNothing(t *testing.T) {
	t.Parallel()
	w, _ := newLookedAt(t)
	if err := os.RemoveAll(filepath.Join(w.root, journalFolder)); err != nil {
		t.Fatal(err)
	}
	w.answer[ownJournal] = ""
	j, err := w.host().records(t.Context())
	if err != nil || j.Kept || len(j.Session) != 2 || len(j.Session[0].Messages) != 0 {
		t.Errorf("%+v, %v", j, err)
	}
	h := w.host()
	h.PID = 1
	if j, err := h.records(t.Context()); err != nil || j.Session == nil || len(j.Session) != 0 {
		t.Errorf("%+v, %v", j, err)
	}
	w.drop(t, "/etc/machine-id")
	if j, err := w.host().records(t.Context()); err == nil {
		t.Errorf("%+v", j)
	}
}

func TestKernelClock(t *testing.T) {
	t.Parallel()
	if _, err := kernelClock(); err != nil {
		t.Error(err)
	}
}

func TestSysctlsOfEveryInterface(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "/proc/sys/net/ipv4/conf/eth0.5/send_redirects", "1\n")
	w.put(t, "/proc/sys/net/ipv4/conf/all/send_redirects", "0\n")
	w.put(t, "/etc/sysctl.d/a.conf", "net.ipv4.conf.*.send_redirects = 0\n")
	var have map[string]facts.Sysctl
	missing := w.host().sysctls([]string{"net.ipv4.conf.*.send_redirects", "net.ipv4.conf.all.send_redirects", "net.ipv6.conf.*.nope"}, &have)
	want := map[string]facts.Sysctl{
		"net.ipv4.conf.*.send_redirects":      {},
		"net.ipv4.conf.all.send_redirects":    {Value: "0", Origin: "/etc/sysctl.d/a.conf", Persistent: "0"},
		"net.ipv4.conf.eth0/5.send_redirects": {Value: "1", Origin: "/etc/sysctl.d/a.conf", Persistent: "0"},
		"net.ipv6.conf.*.nope":                {},
	}
	if len(missing) != 0 || !maps.Equal(have, want) {
		t.Errorf("%+v, %v", have, missing)
	}
}

func FuzzParseModprobe(f *testing.F) {
	f.Add("install udf /bin/false\nblacklist udf\n\\\n")
	f.Fuzz(func(t *testing.T, content string) {
		for _, r := range parseModprobe("f", content) {
			if r.module == "" || strings.Contains(r.module, "-") || strings.ContainsAny(r.module+r.install, "\n") {
				t.Errorf("%+v", r)
			}
			modprobeRules{r}.lookup("udf")
		}
	})
}

func FuzzParseModuleFiles(f *testing.F) {
	f.Add("kernel/fs/udf/udf.ko.xz: a.ko\n")
	f.Fuzz(func(t *testing.T, content string) {
		for name := range parseModuleFiles(content) {
			if name == "" || strings.ContainsAny(name, "/-\n") {
				t.Errorf("%q", name)
			}
		}
		parseLoaded(content)
	})
}

func FuzzParseJournal(f *testing.F) {
	f.Add(`{"_PID":"5","MESSAGE":"x"}` + "\n")
	f.Fuzz(func(t *testing.T, out string) {
		if messages, err := parseJournal(out); err != nil && messages != nil {
			t.Errorf("%v and %v", messages, err)
		}
	})
}
