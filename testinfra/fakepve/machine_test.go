package fakepve

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestClone(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.imported()
	c.created("9000", "template")
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/template", nil)
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/clone", form("newid", "9001", "name", "edge-1", "pool", "k3sedge", "description", "mark"))
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9000/clone", form("newid", "9002", "full", "1", "storage", "local-lvm"))
	source, linked, full := c.doc("/nodes/pve/qemu/9000/config"), c.doc("/nodes/pve/qemu/9001/config"), c.doc("/nodes/pve/qemu/9002/config")
	if linked["name"] != "edge-1" || linked["description"] != "mark" || linked["template"] != nil || full["name"] != "Copy-of-VM-template" {
		t.Errorf("linked %v, full %v", linked, full)
	}
	for _, key := range []string{"net0", "smbios1", "vmgenid"} {
		if source[key] == linked[key] || linked[key] == full[key] || linked[key] == nil {
			t.Errorf("%s was not made anew: %v", key, linked[key])
		}
	}
	for path, want := range map[string]string{
		"/nodes/pve/qemu/9000/status/start": "you can't start a vm if it's a template",
	} {
		c.task(want, http.MethodPost, path, nil)
	}
	if r := c.do(http.MethodDelete, "/nodes/pve/qemu/9000", nil); !strings.Contains(r.Reason, "in use by linked clones") {
		t.Errorf("destroy of a template in use: %+v", r)
	}
	c.task("OK", http.MethodPost, "/nodes/pve/qemu/9001/status/start", nil)
	if m, _, _ := c.srv.Memory.Started(9001); m.Parent != 9000 || m.DiskSize != 2*gib {
		t.Errorf("started %+v", m)
	}
}

// TestLocks looks at machines while their tasks run.
func TestLocks(t *testing.T) {
	t.Parallel()
	c := start(t, Options{TaskTime: time.Hour, LockWait: time.Millisecond})
	c.must(http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000", "name", "edge-1"))
	if d := c.doc("/nodes/pve/qemu/9000/config"); d["lock"] != "create" || d["name"] != nil {
		t.Errorf("config during a create: %v", d)
	}
	if r := c.do(http.MethodPut, "/nodes/pve/qemu/9000/config", form("name", "b")); r.Reason != "VM is locked (create)" {
		t.Errorf("change during a create: %+v", r)
	}
	if err := c.srv.AddForeignVM(9001); err != nil {
		t.Fatal(err)
	}
	upid := c.must(http.MethodPost, "/nodes/pve/qemu/9001/clone", form("newid", "9002", "name", "copy")).(string)
	for !c.srv.exists(9002) {
		time.Sleep(time.Millisecond)
	}
	if d := c.doc("/nodes/pve/qemu/9002/config"); d["lock"] != "clone" || d["name"] != nil {
		t.Errorf("config during a clone: %v", d)
	}
	c.must(http.MethodDelete, "/nodes/pve/tasks/"+upid, nil)
	if got := c.wait(upid); !strings.Contains(got, "interrupted by signal") || c.srv.exists(9002) {
		t.Errorf("stopped clone: %q, machine there: %v", got, c.srv.exists(9002))
	}
	release := make(chan struct{})
	held := make(chan struct{})
	go func() {
		_ = c.srv.lockVM(t.Context(), 9001, func() error { close(held); <-release; return nil })
	}()
	<-held
	if r := c.do(http.MethodPut, "/nodes/pve/qemu/9001/config", form("name", "b")); r.Reason != "can't lock file '/var/lock/qemu-server/lock-9001.conf' - got timeout" {
		t.Errorf("change under a lock: %+v", r)
	}
	close(release)
}

func TestPower(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const vm = "/nodes/pve/qemu/9000"
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000", "cores", "1", "net0", "virtio,bridge=vmbr0"))
	c.srv.Memory.Switch(Switches{StartFails: true})
	c.task("start failed: "+errMemory.Error(), http.MethodPost, vm+"/status/start", nil)
	c.srv.Memory.Switch(Switches{StartFailsThoughItRuns: true})
	c.task("start failed: "+errMemory.Error(), http.MethodPost, vm+"/status/start", nil)
	if d := c.doc(vm + "/status/current"); d["status"] != "running" {
		t.Errorf("status %v, want it running though the start failed", d["status"])
	}
	c.srv.Memory.Switch(Switches{IgnoresShutdown: true})
	c.task("VM 9000 already running", http.MethodPost, vm+"/status/start", nil)
	c.task("VM quit/powerdown failed - got timeout", http.MethodPost, vm+"/status/shutdown", form("timeout", "0"))
	c.task("OK", http.MethodPost, vm+"/status/shutdown", form("timeout", "0", "forceStop", "1"))
	c.srv.Memory.Switch(Switches{})
	c.task("VM 9000 not running", http.MethodPost, vm+"/status/reset", nil)
	c.task("OK", http.MethodPost, vm+"/status/start", nil)
	c.must(http.MethodPut, vm+"/config", form("cores", "4", "name", "edge-1"))
	if now, next := c.doc(vm+"/config?current=1"), c.doc(vm+"/config"); now["cores"] != 1.0 || next["cores"] != 4.0 || now["name"] != "edge-1" {
		t.Errorf("now %v, after a restart %v", now, next)
	}
	c.task("OK", http.MethodPost, vm+"/status/reboot", nil)
	if m, _, _ := c.srv.Memory.Started(9000); m.Cores != 4 {
		t.Errorf("after the reboot: %+v", m)
	}
	c.must(http.MethodPut, vm+"/config", form("net0", "virtio,bridge=vmbr7"))
	c.task("bridge 'vmbr7' does not exist", http.MethodPost, vm+"/status/reboot", nil)
}

func TestAgent(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const vm = "/nodes/pve/qemu/9000"
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000", "agent", "enabled=1"))
	if r := c.do(http.MethodPost, vm+"/agent/ping", nil); r.Reason != "VM 9000 is not running" {
		t.Errorf("stopped: %+v", r)
	}
	c.task("OK", http.MethodPost, vm+"/status/start", nil)
	if r := c.do(http.MethodPost, vm+"/agent/ping", nil); r.Reason != "QEMU guest agent is not running" {
		t.Errorf("no agent: %+v", r)
	}
	c.srv.Memory.Switch(Switches{Exec: func(_ int, cmd Command) (Result, error) {
		switch strings.Join(cmd.Argv, " ") {
		case "ip -j addr":
			return Result{Stdout: []byte(`[{"ifname":"eth0","address":"bc:24:11:00:00:01","addr_info":[{"family":"inet","local":"10.0.0.2","prefixlen":24}]}]`)}, nil
		case "cat /etc/os-release":
			return Result{Stdout: []byte("ID=debian\nPRETTY_NAME=\"Debian 12\"\n")}, nil
		case "cat -- /etc/hostname":
			return Result{Stdout: []byte("edge-1\n")}, nil
		case "sh -c cat":
			return Result{Exit: 3, Stdout: cmd.Stdin, Stderr: []byte("oops")}, nil
		case "true":
			return Result{}, nil
		}
		return Result{Exit: 1}, nil
	}})
	c.must(http.MethodPost, vm+"/agent/ping", nil)
	links := c.doc(vm + "/agent/network-get-interfaces")["result"].([]any)[0].(map[string]any)
	if addr := links["ip-addresses"].([]any)[0].(map[string]any); links["name"] != "eth0" || addr["ip-address"] != "10.0.0.2" || addr["ip-address-type"] != "ipv4" {
		t.Errorf("interfaces %v", links)
	}
	if d := c.doc(vm + "/agent/get-osinfo")["result"].(map[string]any); d["id"] != "debian" || d["pretty-name"] != "Debian 12" {
		t.Errorf("osinfo %v", d)
	}
	if d := c.doc(vm + "/agent/file-read?file=/etc/hostname"); d["content"] != "edge-1\n" {
		t.Errorf("file-read %v", d)
	}
	if r := c.do(http.MethodGet, vm+"/agent/file-read", form("file", "/none")); r.Status != 500 {
		t.Errorf("file-read of nothing: %+v", r)
	}
	c.must(http.MethodPost, vm+"/agent/exec", form("command", "sh", "command", "-c", "command", "cat", "input-data", "in"))
	var d map[string]any
	for d = c.doc(vm + "/agent/exec-status?pid=1"); d["exited"] != 1.0; d = c.doc(vm + "/agent/exec-status?pid=1") {
		runtime.Gosched()
	}
	if d["exited"] != 1.0 || d["exitcode"] != 3.0 || d["out-data"] != "in" || d["err-data"] != "oops" {
		t.Errorf("exec-status %v", d)
	}
	for _, pid := range []string{"1", "9"} {
		if r := c.do(http.MethodGet, vm+"/agent/exec-status?pid="+pid, nil); r.Status != 500 {
			t.Errorf("pid %s is not known, or not any more: %+v", pid, r)
		}
	}
}

// Thick LVM and raw files keep no snapshots, as the real ones do not.
func TestSnapshotsNeedAStorageThatKeepsThem(t *testing.T) {
	t.Parallel()
	all := []string{"images", "iso", "import"}
	c := start(t, Options{Storages: []Storage{
		{ID: "local", Type: "dir", Content: all, Total: 100 << 30},
		{ID: "local-lvm", Type: "lvmthin", Content: []string{"images"}, Total: 400 << 30},
		{ID: "thick", Type: "lvm", Content: []string{"images"}, Total: 400 << 30},
	}})
	const refused = "snapshot feature is not available"
	for i, tt := range []struct{ disk, want string }{
		{"local-lvm:1", "OK"}, {"thick:1", refused}, {"local:1,format=raw", refused}, {"local:1,format=qcow2", "OK"},
	} {
		id := strconv.Itoa(9000 + i)
		c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", id, "name", "one", "scsi0", tt.disk))
		c.task(tt.want, http.MethodPost, "/nodes/pve/qemu/"+id+"/snapshot", form("snapname", "aa"))
	}
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const vm = "/nodes/pve/qemu/9000"
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000", "name", "one"))
	for _, name := range []string{"aa", "bb"} {
		c.task("OK", http.MethodPost, vm+"/snapshot", form("snapname", name))
	}
	c.task("snapshot name 'aa' already used", http.MethodPost, vm+"/snapshot", form("snapname", "aa"))
	c.task("snapshot 'cc' does not exist", http.MethodPost, vm+"/snapshot/cc/rollback", nil)
	c.task("OK", http.MethodDelete, vm+"/snapshot/aa", nil)
	list := c.must(http.MethodGet, vm+"/snapshot", nil).([]any)
	if len(list) != 2 || list[0].(map[string]any)["name"] != "bb" || list[0].(map[string]any)["parent"] != nil || list[1].(map[string]any)["parent"] != "bb" {
		t.Errorf("snapshots %v", list)
	}
	if d := c.doc(vm + "/config?snapshot=bb"); d["name"] != "one" {
		t.Errorf("config in the snapshot: %v", d)
	}
}

// TestManyAtOnce makes machines side by side, as up does.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.imported()
	var upids []any
	for _, id := range []string{"9000", "9001", "9002", "9003"} {
		upids = append(upids, c.must(http.MethodPost, "/nodes/pve/qemu",
			form("vmid", id, "scsi0", "local-lvm:0,import-from=local:import/debian.qcow2", "net0", "virtio,bridge=vmbr0", "start", "1")))
	}
	for _, upid := range upids {
		if got := c.wait(upid); got != "OK" {
			t.Error(got)
		}
	}
	macs := map[string]bool{}
	for _, id := range []int{9000, 9001, 9002, 9003} {
		m, _, ok := c.srv.Memory.Started(id)
		if macs[m.MAC] = true; !ok || m.DiskVolume == "" {
			t.Errorf("machine %d: %+v", id, m)
		}
	}
	if len(macs) != 4 {
		t.Errorf("MACs %v", macs)
	}
}
