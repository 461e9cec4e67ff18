package provision

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
)

const sampleUPID = UPID("UPID:pve:0011AA22:00FF00FF:66AABBCC:qmcreate:9001:k3sedge@pve!edge:")

func TestParseUPID(t *testing.T) {
	t.Parallel()
	n, err := parseUPID(sampleUPID)
	if err != nil || n != (taskName{"pve", "qmcreate", "9001", "k3sedge@pve!edge"}) || n.String() != "qmcreate 9001" {
		t.Errorf("%+v, %v", n, err)
	}
	for _, bad := range []UPID{"", "UPID", "UPID:pve:1:2:3:4", "OK", sampleUPID + "\n", "UPID:../..:0011AA22:00FF00FF:66AABBCC:x:1:u@pve:"} {
		if n, err := parseUPID(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, n)
		}
	}
}

func FuzzParseUPID(f *testing.F) {
	f.Add(string(sampleUPID))
	f.Add("UPID:pve:0011AA22:00FF00FF:66AABBCC:imgcopy::root@pam:")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseUPID(UPID(text))
		if err == nil && (n.Node == "" || n.Kind == "" || strings.ContainsAny(text, "/\n ?#") && !strings.ContainsAny(n.ID+n.User, " ?#")) {
			t.Errorf("%q was read as %+v", text, n)
		}
	})
}

func TestParseNote(t *testing.T) {
	t.Parallel()
	ours := note{Mark: mark{"c-1", "edge-1"}, Phase: phaseSeeded, SeedKey: strings.Repeat("a", 43)}
	tests := []struct {
		name, text string
		want       note
		fails      bool
	}{
		{"what we write", ours.String(), ours, false},
		{"with a user's lines and CRLF", "my notes\r\n" + strings.ReplaceAll(ours.String(), "\n", "\r\n") + "more", ours, false},
		{"empty", "", note{}, false},
		{"a stranger's", "web server\nfirst boot: done", note{}, false},
		{"inside a sentence", "see k3sedge/c-1/edge-1", note{}, false},
		{"mark only", "k3sedge/c-1/edge-1", note{Mark: ours.Mark}, false},
		{"two marks", "k3sedge/c-1/edge-1\nk3sedge/c-1/edge-2", note{}, true},
		{"upper case node", "k3sedge/c-1/Edge", note{}, false},
	}
	for _, tt := range tests {
		got, err := parseNote(tt.text)
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

func TestNotedKeepsOtherLines(t *testing.T) {
	t.Parallel()
	n := note{Mark: mark{"c", "n"}, Phase: phaseMade}
	text := "mine\n" + n.String() + "first boot: made\nlast\n"
	n.Phase = phaseDone
	got := n.noted(text)
	if !strings.HasPrefix(got, "mine\n") || !strings.HasSuffix(got, "last\n") || strings.Count(got, "first boot:") != 1 {
		t.Errorf("got %q", got)
	}
	if read, err := parseNote(got); err != nil || read != n {
		t.Errorf("read back as %+v, %v", read, err)
	}
	if read, err := parseNote(n.noted("k3sedge/c/n")); err != nil || read != n {
		t.Errorf("without a phase: %+v, %v", read, err)
	}
}

func FuzzParseNote(f *testing.F) {
	f.Add(note{Mark: mark{"c", "n"}, Phase: phaseMade}.String())
	f.Add("k3sedge/a/b\nk3sedge/c/d\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNote(text)
		if err != nil || n == (note{}) {
			return
		}
		if !strings.Contains(text, n.Mark.String()) {
			t.Errorf("%q gave mark %s", text, n.Mark)
		}
		n.Phase, n.SeedKey = phaseDone, ""
		if again, err := parseNote(n.noted(text)); err != nil || again != n {
			t.Errorf("%q: written as %+v, read as %+v, %v", text, n, again, err)
		}
	})
}

func TestDiskSize(t *testing.T) {
	t.Parallel()
	for option, want := range map[string]int64{
		"local-lvm:vm-1-disk-0,size=20G":         20 << 30,
		"local:1/vm-1-disk-0.raw,size=3584M,ssd": 3584 << 20,
		"a:b,size=2T":                            2 << 40,
		"a:b,size=512K":                          512 << 10,
		"a:b,size=1.5G":                          3 << 29,
		"a:b,size=1024":                          1024,
	} {
		if got, ok := diskSize(option); !ok || got != want {
			t.Errorf("%s: %d, %v", option, got, ok)
		}
	}
	for _, option := range []string{"", "a:b", "a:b,size=", "a:b,size=G", "a:b,size=-1G", "none,media=cdrom"} {
		if got, ok := diskSize(option); ok {
			t.Errorf("%q: %d", option, got)
		}
	}
}

func FuzzVMConfig(f *testing.F) {
	f.Add([]byte(`{"name":"a","memory":"2048","cores":2,"onboot":1,"scsi0":"s:v,size=20G","net0":"virtio=AA,bridge=b,tag=3"}`))
	f.Add([]byte(`{"memory":"current=4096","template":true,"x":null,"y":[1],"scsi0":",,size=9e999T"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var doc map[string]any
		if json.Unmarshal(raw, &doc) != nil {
			return
		}
		c := newVMConfig(doc)
		_, option := bootDisk(c)
		if size, ok := diskSize(option); ok && size < 0 {
			t.Errorf("%q has size %d", option, size)
		}
		p := inventory.Proxmox{Bridge: "vmbr0"}
		have, want, value := networkChange(p, c.Devices["net0"])
		if again, _, _ := networkChange(p, value); have != want && again != want {
			t.Errorf("%q became %q", c.Devices["net0"], value)
		}
	})
}

func FuzzAPIError(f *testing.F) {
	f.Add("500 got timeout", []byte(`{"message":"m\n","errors":{"a":"b"}}`))
	f.Add("403 Permission check failed (/vms/1, VM.Clone)", []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status string, body []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://pve.lan:8006/api2/json/version", nil)
		if err != nil {
			t.Fatal(err)
		}
		e := newAPIError(req, &http.Response{Status: status, StatusCode: 403}, body)
		if e.Path != "/version" || hintOf(explain(inventory.Proxmox{}, e)) == "" {
			t.Errorf("%v has no hint", e)
		}
	})
}

func TestSizeOption(t *testing.T) {
	t.Parallel()
	for size, want := range map[inventory.Size]string{20 * inventory.GiB: "20G", 512 * inventory.MiB: "512M", inventory.GiB + 1: "1025M"} {
		if got := sizeOption(size); got != want {
			t.Errorf("%d: %s, want %s", size, got, want)
		}
	}
}

func TestImageFile(t *testing.T) {
	t.Parallel()
	sum := "sha512:ABCDEF0123456789"
	for url, want := range map[string]string{
		"https://x.example/a/debian-12-generic-amd64.qcow2": "debian-12-generic-amd64-abcdef012345.qcow2",
		"https://x.example/jammy.img?mirror=1":              "jammy-abcdef012345.qcow2",
		"https://x.example/a b.raw":                         "a-b-abcdef012345.raw",
	} {
		if got := imageFile(inventory.Image{URL: url, Checksum: sum}); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	if a, b := imageFile(inventory.Image{URL: "u", Checksum: "sha256:aa"}), imageFile(inventory.Image{URL: "u", Checksum: "sha256:ab"}); a == b {
		t.Error("another checksum has the same file")
	}
}

func TestNumbersNeverGiveOneTwice(t *testing.T) {
	t.Parallel()
	n := newNumbers(inventory.Range{First: 100, Last: 102}, 2)
	taken := map[int]bool{101: true}
	a, b := n.next("a", 0, taken), n.next("b", 1, taken)
	if a != 100 || b != 102 {
		t.Errorf("a %d, b %d", a, b)
	}
	if again := n.next("a", 0, taken); again != a {
		t.Errorf("asked again: %d", again)
	}
	if c := n.next("c", 2, taken); c != 0 {
		t.Errorf("a full range gave %d", c)
	}
	taken[a] = true
	if again := n.next("a", 0, taken); again != 0 {
		t.Errorf("a taken number was given: %d", again)
	}
}
