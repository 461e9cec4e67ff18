//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
	"github.com/k3sedge/k3sedge/testinfra/iso"
)

// realLab makes a LAN and the means to run machines in it, without a daemon.
func realLab(t *testing.T) (*Lab, *fleet, Image) {
	t.Helper()
	if testing.Short() {
		t.Skip("boots real machines; left out by -short")
	}
	if err := Able(); err != nil {
		t.Skip("boots real machines, which is not possible here: " + err.Error())
	}
	base, err := os.MkdirTemp("", "k3lab-")
	if err != nil {
		t.Fatal(err)
	}
	options := []Option{WithState(base), WithProgress(t.Output())}
	if cache := os.Getenv("K3SEDGE_LAB_CACHE"); cache != "" {
		options = append(options, WithCache(cache))
	}
	l, err := Open(fmt.Sprintf("t%d", os.Getpid()), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(context.Background()); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	img, err := l.Image(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.makeState(); err != nil {
		t.Fatal(err)
	}
	if err := l.networkUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := newFleet(l)
	if err != nil {
		t.Fatal(err)
	}
	return l, f, img
}

// guest is a machine under test and how to log in to it.
type guest struct {
	t    *testing.T
	lab  *Lab
	flt  *fleet
	vm   fakepve.Machine
	dir  string
	addr string
}

// newGuest makes the ISO and the description of a machine.
func newGuest(t *testing.T, l *Lab, f *fleet, img Image) *guest {
	t.Helper()
	g := &guest{t: t, lab: l, flt: f, dir: t.TempDir(), addr: "10.77.0.11"}
	private, public, err := newIdentity(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Plain{Name: "edge-1", Address: g.addr, User: "admin", AuthorizedKeys: []string{strings.TrimSpace(string(public))}}.seed()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for name, content := range s {
		files[name] = string(content)
	}
	image := filepath.Join(g.dir, "seed.iso")
	for path, content := range map[string][]byte{image: iso.Make(t, "cidata", files), filepath.Join(g.dir, "key"): private} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.vm = fakepve.Machine{VMID: 9000, Name: "edge-1", Disk: img.Path, MAC: "BC:24:11:00:00:01", ISOs: []string{image}}
	return g
}

// ssh runs a command in the machine over the network, once.
func (g *guest) ssh(command string) (string, error) {
	out, err := g.lab.Exec(g.t.Context(), "ssh", "-i", filepath.Join(g.dir, "key"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=2",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "admin@"+g.addr, command)
	return strings.TrimSpace(string(out)), err
}

// must runs a command in the machine as soon as it lets us in.
func (g *guest) must(command string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := g.ssh("true"); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			console, _ := os.ReadFile(g.lab.folder("9000").path("console.log"))
			g.t.Fatalf("no login within a minute; console:\n%s", console)
		case <-tick.C:
		}
	}
	out, err := g.ssh(command)
	if err != nil {
		g.t.Fatalf("%s: %v", command, err)
	}
	return out
}

// do fails the test on an error.
func (g *guest) do(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func TestMachineBootsFromItsDisc(t *testing.T) {
	l, f, img := realLab(t)
	g := newGuest(t, l, f, img)
	begin := time.Now()
	g.do(f.Start(t.Context(), g.vm))
	if got := g.must("hostname"); got != "edge-1" {
		t.Errorf("host name %q, want edge-1", got)
	}
	t.Logf("from start to login: %.1f s", time.Since(begin).Seconds())
	if got := g.must("cloud-init status --wait >/dev/null; cloud-init status; systemctl is-system-running --wait"); got != "status: done\nrunning" {
		t.Errorf("state %q", got)
	}
	if got := g.must("cat /sys/class/net/eth0/address"); !strings.EqualFold(got, g.vm.MAC) {
		t.Errorf("MAC %s, want %s", got, g.vm.MAC)
	}
	g.checkAgent()
	g.checkReboot()
	g.checkSnapshot()
	g.checkAdoption()
	g.do(f.Stop(t.Context(), 9000, true))
	g.do(f.Remove(t.Context(), 9000))
	if names, err := l.leftovers(); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// checkAgent runs a command out of band.
func (g *guest) checkAgent() {
	g.t.Helper()
	got, err := g.flt.Exec(g.t.Context(), 9000, fakepve.Command{Argv: []string{"sh", "-c", "cat; id -u; exit 3"}, Stdin: []byte("in ")})
	if err != nil || got.Exit != 3 || string(got.Stdout) != "in 0\n" {
		g.t.Errorf("agent: %+v, %v", got, err)
	}
}

// checkReboot reboots from inside: files stay, rules that nobody saved do not,
// and a disc that was overwritten meanwhile is not read again.
func (g *guest) checkReboot() {
	g.t.Helper()
	g.must("sudo touch /root/kept; sudo nft add table inet lost; sudo sh -c 'cat /proc/sys/kernel/random/boot_id > /dev/null'")
	g.do(os.WriteFile(g.vm.ISOs[0], make([]byte, 64<<10), 0o600))
	before := g.flt.current("9000").proc
	_, _ = g.ssh("sudo systemctl reboot") // the connection breaks
	ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
	defer cancel()
	if !before.waitGone(ctx) {
		g.t.Fatal("the machine does not go down")
	}
	if got := g.must("sudo sh -c 'ls /root; nft list tables; ls /var/lib/cloud/seed'"); got != "kept" {
		g.t.Errorf("after a reboot: %q, want the file alone", got)
	}
}

// checkSnapshot writes, goes back and finds the old state.
func (g *guest) checkSnapshot() {
	g.t.Helper()
	ctx := g.t.Context()
	g.do(g.flt.Snapshot(ctx, 9000, "before"))
	g.must("sudo rm /root/kept; sudo touch /root/new; sudo rm /etc/issue")
	if err := g.flt.Rollback(ctx, 9000, "before"); err == nil {
		g.t.Error("the disk of a running machine was replaced")
	}
	g.do(g.flt.Stop(ctx, 9000, false))
	g.do(g.flt.Rollback(ctx, 9000, "before"))
	g.do(g.flt.DropSnapshot(ctx, 9000, "before"))
	if err := g.flt.Rollback(ctx, 9000, "before"); err == nil {
		g.t.Error("a snapshot that was deleted was restored")
	}
	g.do(g.flt.Clone(ctx, 9000, 9001))
	g.do(g.flt.Remove(ctx, 9001))
	g.do(g.flt.Start(ctx, g.vm))
	if got := g.must("sudo ls /root /etc/issue"); got != "/etc/issue\n\n/root:\nkept" {
		g.t.Errorf("after going back: %q", got)
	}
}

// checkAdoption lets a second daemon take the machine over, as after a crash.
func (g *guest) checkAdoption() {
	g.t.Helper()
	next, err := newFleet(g.lab)
	if err != nil {
		g.t.Fatal(err)
	}
	if !next.Running(9000) {
		g.t.Fatal("a running machine was not found")
	}
	if err := next.Start(g.t.Context(), g.vm); err == nil {
		g.t.Error("a running machine was started a second time")
	}
}

func TestDownRemovesWhatACrashLeft(t *testing.T) {
	l, f, img := realLab(t)
	g := newGuest(t, l, f, img)
	g.do(f.Start(t.Context(), g.vm))
	p := f.current("9000").proc
	// A crashed run has lost its records.
	g.do(os.Remove(l.folder("9000").path("process.json")))
	bystander := exec.Command("sleep", "3600")
	g.do(bystander.Start())
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()

	g.do(l.Down(t.Context()))
	if p.alive() {
		t.Error("the machine still runs")
	}
	for what, left := range map[string]func() ([]string, error){
		"namespaces": l.namespaces, "control groups": l.cgroupNames, "machines": l.leftovers,
		"mounts": func() ([]string, error) { return mountsUnder(l.state) },
		"loop devices": func() ([]string, error) {
			out, err := run(t.Context(), "losetup", "--noheadings", "--output", "BACK-FILE")
			return grep(string(out), l.state), err
		},
	} {
		if got, err := left(); err != nil || len(got) > 0 {
			t.Errorf("%s left: %v, %v", what, got, err)
		}
	}
	if _, err := os.Stat(l.state); err == nil {
		t.Error("its files are still there")
	}
	if s, err := readStat(bystander.Process.Pid); err != nil || s.state == 'Z' {
		t.Error("somebody else's process was ended")
	}
	g.do(l.Down(t.Context()))
}

// grep picks the lines with a word.
func grep(text, word string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found = append(found, line)
		}
	}
	return found
}
