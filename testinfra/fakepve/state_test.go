package fakepve

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRestart kills a stand-in in the middle of a task and starts another one
// on its state.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := New(Options{StateDir: dir, Access: TestAccess()})
	if err != nil {
		t.Fatal(err)
	}
	pin := first.Pin()
	if err := first.AddForeignVM(100); err != nil {
		t.Fatal(err)
	}
	c := &call{srv: first, who: TestToken, undo: func() error { return first.forget(9000, nil) }, fault: &Fault{Kind: TaskSlow, Delay: Duration(time.Hour)}}
	if err := first.claim(9000, "create", nil); err != nil {
		t.Fatal(err)
	}
	upid, err := c.spawn("qmcreate", "9000", nil)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()

	second := start(t, Options{StateDir: dir})
	if second.srv.Pin() != pin {
		t.Error("the pin changed with a restart")
	}
	if got := second.wait(upid); got != "unexpected status" {
		t.Errorf("task that died: %q", got)
	}
	if d := second.doc("/nodes/pve/qemu/9000/config"); d["lock"] != "create" {
		t.Errorf("machine whose create died: %v", d)
	}
	if d := second.doc("/nodes/pve/qemu/100/status/current"); d["status"] != "stopped" {
		t.Errorf("machine of before: %v", d)
	}
}

func TestBrokenStateIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"state.json": "{", "pve-ssl.key": "no key"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{StateDir: dir}); err == nil {
			t.Errorf("a broken %s was accepted", name)
		}
	}
}

func TestCertificateIsSelfSigned(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	if _, err := http.Get(c.srv.URL + "/api2/json/version"); err == nil {
		t.Error("a client that trusts the system's authorities was let in")
	}
	conn, err := tls.Dial("tcp", c.srv.URL[len("https://"):], c.srv.clientTLS())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "" {
		t.Errorf("protocol %q, want plain HTTP/1.1", got)
	}
}
