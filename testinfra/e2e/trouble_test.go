//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// TestTrouble brings each trouble in turn to one lab. Every one is told with
// its cause and a hint, in one error unless two nodes need two remedies, and
// what is left of the run is adopted by the next one.
func TestTrouble(t *testing.T) {
	s := newLab(t, "e2e-trouble")
	t.Run("before anything is made", func(t *testing.T) { beforeAnything(t, s.on(t)) })
	t.Run("bad checksum", func(t *testing.T) { badChecksum(t, s.on(t)) })
	t.Run("no room for the disks", func(t *testing.T) { noRoomForDisks(t, s.on(t)) })
	t.Run("host key differs", func(t *testing.T) { hostKeyDiffers(t, s.on(t)) })
	t.Run("wrong key", func(t *testing.T) { wrongKey(t, s.on(t)) })
	t.Run("no room on the node", func(t *testing.T) { noRoomOnNode(t, s.on(t)) })
	t.Run("machine hangs", func(t *testing.T) { machineHangs(t, s.on(t)) })
	s.on(t).empty()
	t.Run("address in use", func(t *testing.T) { addressInUse(t, s.on(t)) })
	s.on(t).empty()
	t.Run("proxmox goes away", func(t *testing.T) { proxmoxGoesAway(t, s.on(t)) })
	s.on(t).empty()
	t.Run("machine never boots", func(t *testing.T) { neverBoots(t, s.on(t)) })
	s.on(t).empty()
	t.Run("one run at a time, and Ctrl-C", func(t *testing.T) { secondRunAndInterrupt(t, s.on(t)) })
	s.on(t).empty()
	t.Run("number taken by a stranger", func(t *testing.T) { numberTaken(t, s.on(t)) })
}

// empty destroys the machines, so that the next trouble meets new ones.
func (s *site) empty() {
	s.t.Helper()
	s.must(0, "down", "--yes")
	if left := s.vms(); len(left) != 0 {
		s.t.Fatalf("left after down: %v", left)
	}
}

// trouble runs k3sedge and wants it to fail with an exit code, with so many
// errors, and with all these words in them and their hints.
func (s *site) trouble(code, errors int, words []string, args ...string) {
	s.t.Helper()
	s.told(s.must(code, args...), errors, words)
}

// told looks at what a failed run says last.
func (s *site) told(r result, errors int, words []string) {
	s.t.Helper()
	_, told, _ := strings.Cut("\n"+r.stderr, "\nerror: ")
	told = "\nerror: " + told
	s.t.Logf("exit %d%s", r.code, told)
	if n := strings.Count(told, "\nerror: "); n != errors {
		s.t.Errorf("%d errors, want %d:\n%s", n, errors, r.stderr)
	}
	if last := told[strings.LastIndex(told, "\nerror: "):]; !strings.Contains(last, "\nhint: ") {
		s.t.Errorf("no hint behind the last error:\n%s", r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(told, word) {
			s.t.Errorf("%q is not in:%s", word, told)
		}
	}
}

// mended goes on after a trouble: two machines, never three, and nothing left
// to do.
func (s *site) mended() {
	s.t.Helper()
	s.must(0, "up")
	got, want := s.vms(), []string{s.cluster.Nodes[0].Name, s.cluster.Nodes[1].Name}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Errorf("machines %v, want %v", got, want)
	}
	s.must(0, "up", "--plan")
	s.keepsNoSecret()
}

// keepsNoSecret: the state folder is for events, pins and the journal.
func (s *site) keepsNoSecret() {
	s.t.Helper()
	for _, name := range []string{"run.jsonl", "journal.jsonl", "known_hosts", "lock"} {
		kept, err := os.ReadFile(filepath.Join(s.dir, ".k3sedge", name))
		if err != nil || len(kept) == 0 {
			s.t.Errorf("read %s: %d bytes, %v", name, len(kept), err)
		}
		s.refuseSecrets(result{stdout: string(kept)})
	}
}

// beforeAnything are the troubles that are met before the first change.
func beforeAnything(t *testing.T, s *site) {
	for name, tc := range map[string]struct {
		bring func(*testing.T)
		words []string
	}{
		"wrong token": {func(t *testing.T) { s.replace(t, "proxmox-token", "11111111-2222-3333-4444-555555555555\n") },
			[]string{"401", "provider.proxmox.token", `"k3sedge@pve!lab"`}},
		"wrong pin": {func(t *testing.T) { s.edit(t, `sha256/\S+`, "sha256/"+strings.Repeat("A", 43)+"=") },
			[]string{"pinned is sha256/AAAA", "provider.proxmox.tlsPin", "pvenode cert info"}},
		"missing privilege": {func(t *testing.T) { s.fault(t, fakepve.Fault{Kind: fakepve.NoPrivilege, Message: "VM.PowerMgmt"}) },
			[]string{"lacks privileges", "/vms: VM.PowerMgmt", "pveum acl modify /vms"}},
		"full storage": {func(t *testing.T) { s.fault(t, fakepve.Fault{Kind: fakepve.Full, Free: 1 << 30}) },
			[]string{"local-lvm has 1024 MiB free", "8192 MiB", "provider.proxmox.storage.disks"}},
		"proxmox is not there": {func(t *testing.T) { s.fault(t, fakepve.Fault{Kind: fakepve.DropBefore}) },
			[]string{"reach Proxmox at 10.77.0.3:8006", "provider.proxmox.endpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			if err := s.lab.ForgetCalls(t.Context()); err != nil {
				t.Fatal(err)
			}
			tc.bring(t)
			s.trouble(1, 1, tc.words, "up")
			s.trouble(4, 1, tc.words, "up", "--plan")
			calls, err := s.lab.Calls(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(calls, fakepve.Call.Writes) || len(s.vms()) != 0 {
				t.Errorf("something was made: %v, %v", s.vms(), calls)
			}
		})
	}
}

// replace writes a file of the project anew until the subtest ends.
func (s *site) replace(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	old, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, old, 0o600); err != nil {
			t.Error(err)
		}
	})
}

// badChecksum: the image is not the one that was asked for.
func badChecksum(t *testing.T, s *site) {
	t.Run("trouble", func(t *testing.T) {
		s := s.on(t)
		s.edit(t, `sha512:\S+`, "sha512:"+strings.Repeat("ab", 64))
		s.trouble(1, 1, []string{"checksum mismatch", strings.Repeat("ab", 64), "provider.proxmox.image.checksum"}, "up")
		s.trouble(1, 1, nil, "up") // the bad file was not kept
	})
	if got := s.vms(); len(got) != 0 {
		t.Errorf("machines %v were made of it", got)
	}
}

// noRoomForDisks: what is seen to be free at first does not last.
func noRoomForDisks(t *testing.T, s *site) {
	t.Run("trouble", func(t *testing.T) {
		s := s.on(t)
		s.fault(t, fakepve.Fault{Kind: fakepve.Full, Free: 10 << 30})
		s.trouble(1, 2, []string{"edge-1: machine/disk", "edge-2: machine/disk", "insufficient free space", "make room", "provider.proxmox.storage"}, "up")
	})
	s.mended()
}

// addressInUse: somebody on the LAN has the address of a node.
func addressInUse(t *testing.T, s *site) {
	address := s.cluster.Nodes[0].Address.String()
	stranger := func(order string) {
		t.Helper()
		cmd, err := s.lab.StrangerCommand(t.Context(), "ip", "addr", order, address+"/24", "dev", "eth0")
		if err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	stranger("add")
	// Our side still knows the hardware address of the node that was destroyed.
	if _, err := s.lab.Exec(t.Context(), "ip", "neigh", "flush", "dev", "br0"); err != nil {
		t.Fatal(err)
	}
	s.trouble(1, 1, []string{"edge-1", address, "already in use", "nodes[].address"}, "up")
	stranger("del")
	if got := s.vms(); slices.Contains(got, "edge-1") {
		t.Errorf("machines %v: one more on an address that is in use", got)
	}
	s.mended()
}

// proxmoxGoesAway in the middle: the API hears some requests, and answers no more.
func proxmoxGoesAway(t *testing.T, s *site) {
	words := []string{"reach Proxmox at 10.77.0.3:8006", "edge-1", "edge-2", "provider.proxmox.endpoint", "same command again"}
	for _, requests := range []int{30, 60} { // a whole run takes more than a hundred
		t.Run(fmt.Sprintf("after %d requests", requests), func(t *testing.T) {
			s := s.on(t)
			s.fault(t, fakepve.Fault{Kind: fakepve.DropAfter, After: requests})
			s.trouble(1, 1, words, "up")
		})
	}
	s.mended()
}

// numberTaken: a stranger gets the number between our look and our request,
// and there is no other.
func numberTaken(t *testing.T, s *site) {
	t.Run("trouble", func(t *testing.T) {
		s := s.on(t)
		s.edit(t, `vmids: \S+`, "vmids: 9000-9001")
		s.fault(t, fakepve.Fault{Method: "POST", Path: "^/nodes/pve/qemu$", Kind: fakepve.ForeignVM, Count: 1})
		s.trouble(1, 1, []string{"every number of provider.proxmox.vmids is taken", "widen provider.proxmox.vmids"}, "up")
	})
	s.mended() // beside the stranger's, which is not changed
	s.empty()
}
