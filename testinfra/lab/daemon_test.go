//go:build linux

package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
)

func TestTheDaemonMayBeKilled(t *testing.T) {
	l, _, _ := realLab(t)
	l.program = filepath.Join(t.TempDir(), "k3sedge-lab")
	if out, err := exec.Command("go", "build", "-o", l.program, "../../cmd/k3sedge-lab").CombinedOutput(); err != nil {
		t.Fatalf("build the daemon: %v\n%s", err, out)
	}
	first := up(t, l)
	if again := up(t, l); again.TLSPin != first.TLSPin {
		t.Error("the second up made a new stand-in")
	}
	checkSources(t, l)
	checkCloudflare(t, l)
	key := filepath.Join(t.TempDir(), "p")
	if _, err := l.Project(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(key, identityFile+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	metal := Plain{Name: "metal-1", Address: "10.77.0.21", User: "admin", AuthorizedKeys: []string{strings.TrimSpace(string(public))}}
	if err := l.AddMachine(t.Context(), metal); err != nil {
		t.Fatal(err)
	}
	killDaemon(t, l)
	if s, err := l.Status(t.Context()); err != nil || s.Up || len(s.Left) != 1 {
		t.Errorf("after the kill: %+v, %v, want one machine left", s, err)
	}
	s := up(t, l)
	if s.TLSPin != first.TLSPin || len(s.Machines) != 1 || !s.Machines[0].Running {
		t.Errorf("after the next up: %+v, want the same lab", s)
	}
	checkNames(t, l)
	if err := l.Restart(t.Context(), "metal-1"); err != nil {
		t.Error(err)
	}
	killDaemon(t, l)
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(netnsEtc, l.plan.lan())); !os.IsNotExist(err) {
		t.Errorf("the LAN's resolver is left behind: %v", err)
	}
	if left, err := l.leftovers(); err != nil || len(left) > 0 || namespaceExists(l.plan.lan()) {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func up(t *testing.T, l *Lab) Status {
	t.Helper()
	s, err := l.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// killDaemon is a crash of the daemon.
func killDaemon(t *testing.T, l *Lab) {
	t.Helper()
	p, err := loadProcess(l.daemonRecord())
	if err != nil || !p.alive() {
		t.Fatalf("no daemon: %+v, %v", p, err)
	}
	if err := p.signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if !p.waitGone(ctx) {
		t.Fatal("the daemon does not end")
	}
}

// checkSources looks from where commands in the lab come, and that there is
// no way out.
func checkSources(t *testing.T, l *Lab) {
	t.Helper()
	for want, prepare := range map[string]func(context.Context, ...string) (*exec.Cmd, error){
		OperatorIP: l.Command, StrangerIP: l.StrangerCommand,
	} {
		cmd, err := prepare(t.Context(), "ip", "-4", "route", "get", "10.77.0.11")
		if err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "src "+want+" ") {
			t.Errorf("got %q, %v, want a connection from %s", out, err, want)
		}
	}
	if out, err := l.Exec(t.Context(), "ip", "route", "get", "192.0.2.1"); err == nil {
		t.Errorf("there is a way out of the lab: %s", out)
	}
}

// checkCloudflare asks the stand-in as the operator, and behind its back.
func checkCloudflare(t *testing.T, l *Lab) {
	t.Helper()
	ask := []string{"curl", "--silent", "--show-error", "--fail", "https://api.cloudflare.com/client/v4/ips"}
	if out, err := l.Exec(t.Context(), ask...); err != nil || !strings.Contains(string(out), "ipv4_cidrs") {
		t.Errorf("the API, by its name and with TLS: %s, %v", out, err)
	}
	cloud := l.Cloudflare()
	if err := cloud.AddRecord(t.Context(), fakecloudflare.Record{Name: "lan." + Zone, Type: "A", Content: "10.77.0.21"}); err != nil {
		t.Fatal(err)
	}
	records, err := cloud.Records(t.Context())
	if err != nil || len(records) != 1 || records[0].Zone != Zone {
		t.Errorf("records %+v, %v", records, err)
	}
	if err := cloud.Fault(t.Context(), fakecloudflare.Fault{Kind: fakecloudflare.TooMany}); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Exec(t.Context(), ask...); err == nil {
		t.Errorf("with a fault: %s", out)
	}
	if calls, err := cloud.Calls(t.Context()); err != nil || len(calls) != 2 || calls[1].Status != 429 {
		t.Errorf("calls %+v, %v", calls, err)
	}
	if err := errors.Join(cloud.ClearFaults(t.Context()), cloud.ForgetCalls(t.Context())); err != nil {
		t.Error(err)
	}
	for order, want := range map[string]string{"calls": "null", "tunnels": "[]", "records": `"lan.lab.test"`} {
		if out, err := cloud.Shell(t.Context(), order); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %s, %v", order, out, err)
		}
	}
	if err := cloud.SetToken(t.Context(), fakecloudflare.Token{Value: "x"}); err == nil || !strings.Contains(err.Error(), "40 letters") {
		t.Errorf("a token that cannot be: %v", err)
	}
}

// checkNames looks from a machine: it resolves through the stand-in and trusts
// the lab, after a daemon that was killed as before.
func checkNames(t *testing.T, l *Lab) {
	t.Helper()
	const script = "getent hosts lan.lab.test && curl --silent --fail https://api.cloudflare.com/client/v4/ips"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		cmd, err := l.ConsoleCommand(ctx, "metal-1", "sh", "-c", script)
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.CombinedOutput()
		if err == nil && strings.HasPrefix(string(out), "10.77.0.21 ") && strings.Contains(string(out), "ipv4_cidrs") {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("from a machine: %s, %v", out, err)
		}
	}
}
