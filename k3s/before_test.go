package k3s

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
)

// What K3s could not run with ends the run before anything is brought, with
// words and a hint, and shows in a plan as what differs.
func TestBeforeAnythingIsBrought(t *testing.T) {
	for name, tc := range map[string]struct {
		edit       func(s *fakehost.State)
		step, have string
		err, hint  string
	}{
		"a clock behind": {
			edit: func(s *fakehost.State) { s.Time = time.Now().Add(-2 * time.Hour) },
			step: "k3s/clock", have: "2h0m0s behind", err: "the clock of edge-2 is 2h0m0s behind", hint: "timedatectl",
		},
		"a clock ahead": {
			edit: func(s *fakehost.State) { s.Time = time.Now().Add(31 * time.Second) },
			step: "k3s/clock", have: "31s ahead", err: "the clock of edge-2 is 31s ahead", hint: "timedatectl",
		},
		"port 80": {
			edit: func(s *fakehost.State) {
				s.Ports = append(s.Ports, look.Port{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "apache2"})
			},
			step: "k3s/ports", have: "apache2 has it at 0.0.0.0", err: "port 80 of edge-2 is taken: apache2", hint: "disable --now apache2",
		},
		"a sysctl": {
			edit: func(s *fakehost.State) { s.Sysctls["kernel.panic"] = "0" },
			step: "k3s/kernel", have: "Have:0 Want:10", err: "kernel.panic is 0 on edge-2", hint: "`k3sedge harden`",
		},
		"the ports of Traefik": {
			edit: func(s *fakehost.State) {
				s.Sysctls["net.ipv4.ip_unprivileged_port_start"] = "1024"
				s.Put(containerPath, nil, 0o644)
			},
			step: "k3s/kernel", have: "Have:1024 Want:80", err: "net.ipv4.ip_unprivileged_port_start is 1024", hint: "`k3sedge harden`",
		},
		"no such sysctl": {
			edit: func(s *fakehost.State) { delete(s.Sysctls, "vm.panic_on_oom") },
			step: "k3s/kernel", have: "not in this kernel", err: "vm.panic_on_oom is not in this kernel", hint: "`k3sedge harden`",
		},
		"no room": {
			edit: func(s *fakehost.State) { s.Spaces[dataDir] = look.Space{Free: 900 * mebibyte, Total: 8 << 30} },
			step: "k3s/space", have: "Have:900 MiB Want:1024 MiB", err: "edge-2 has no room", hint: "nodes[].disk",
		},
		"it was a server": {
			edit: func(s *fakehost.State) { s.Units[serverUnit] = fakehost.Running() },
			step: "k3s/role", have: "active, enabled", err: "edge-2 has k3s.service (active, enabled), wanted not there", hint: "make the machine anew",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, inventory.Agent)
				w.hosts["edge-2"].Edit(tc.edit)
				if _, err := w.plan(); err != nil {
					t.Fatal(err)
				}
				if differs := "edge-2 " + tc.step + " step-differs"; !strings.Contains(w.log.text(), differs) || !strings.Contains(w.log.text(), tc.have) {
					t.Errorf("the plan does not tell: %s", w.log.text())
				}
				_, err := w.up()
				if err == nil || !strings.Contains(err.Error(), tc.err) || !strings.Contains(hintOf(err), tc.hint) {
					t.Errorf("got %v, hint %q", err, hintOf(err))
				}
				if changes := w.hosts["edge-2"].Changes(); len(changes) != 0 {
					t.Errorf("changed: %q", changes)
				}
			})
		})
	}
}

func TestWhatIsNoTrouble(t *testing.T) {
	for name, edit := range map[string]func(s *fakehost.State){
		"a container's kernel is not its own": func(s *fakehost.State) {
			s.Put(containerPath, []byte("systemd-nspawn"), 0o644)
			s.Sysctls["vm.overcommit_memory"] = "0"
			delete(s.Sysctls, "kernel.keys.root_maxkeys")
		},
		"udp, and other ports": func(s *fakehost.State) {
			s.Ports = append(s.Ports, look.Port{Proto: "udp", Port: 443}, look.Port{Proto: "tcp", Port: 6443}, look.Port{Proto: "tcp", Port: 8080})
		},
		"Traefik has the port, K3s has run": func(s *fakehost.State) {
			s.Put(markerPath, []byte(`{"version":"v1.35.4+k3s1","sha256":"x"}`), 0o600)
			s.Ports = append(s.Ports, look.Port{Proto: "tcp", Port: 80, Process: "traefik"})
		},
		"the marker is somebody else's": func(s *fakehost.State) { s.Put(markerPath, []byte("{"), 0o600) },
		"a clock nearly right":          func(s *fakehost.State) { s.Time = time.Now().Add(20 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, inventory.Agent)
				w.hosts["edge-2"].Edit(edit)
				w.mustUp()
			})
		})
	}
}

// A part of the look that is missing is an error of its step, in a run as in a
// plan, and nothing is taken for absent.
func TestUnknownIsNeverAbsent(t *testing.T) {
	for name, tc := range map[string]struct {
		drop func(a *look.Answer)
		step string
	}{
		"files":      {func(a *look.Answer) { a.Files = nil }, "k3s/founder"},
		"a file":     {func(a *look.Answer) { a.Files[configPath] = look.File{Err: "permission denied"} }, "k3s/config"},
		"the binary": {func(a *look.Answer) { delete(a.Files, binaryPath) }, "k3s/space"},
		"units":      {func(a *look.Answer) { a.Units, a.Failed = nil, map[string]string{"units": "no bus"} }, "k3s/role"},
		"ports":      {func(a *look.Answer) { a.Ports = nil }, "k3s/ports"},
		"sysctls": {func(a *look.Answer) {
			a.Sysctls, a.Failed = nil, map[string]string{"sysctls": "no /proc"}
		}, "k3s/kernel"},
		"space":        {func(a *look.Answer) { a.Spaces = nil }, "k3s/space"},
		"time":         {func(a *look.Answer) { a.Time = time.Time{} }, "k3s/clock"},
		"interfaces":   {func(a *look.Answer) { a.Interfaces = nil }, "k3s/config"},
		"architecture": {func(a *look.Answer) { a.Arch = "" }, "k3s/version"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				hosts := map[string]Host{"edge-1": blindHost{w.hosts["edge-1"], tc.drop}}
				_, err := w.upOn(hosts)
				if !errors.Is(err, errNotTold) || !strings.Contains(err.Error(), "edge-1: "+tc.step+": ") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
