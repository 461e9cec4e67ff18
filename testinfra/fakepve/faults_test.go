package fakepve

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFaultsOfAnAnswer(t *testing.T) {
	t.Parallel()
	const create = "/nodes/pve/qemu"
	for _, tc := range []struct {
		name   string
		fault  Fault
		status int // 0: no answer
		reason string
		made   bool
	}{
		{"delay", Fault{Kind: Delay, Delay: Duration(time.Millisecond)}, 200, "OK", true},
		{"500", Fault{Kind: Error}, 500, "fault injected", false},
		{"400 with text", Fault{Kind: Error, Status: 400, Message: "two\nlines"}, 400, "two lines", false},
		{"596", Fault{Kind: ProxyTimeout}, 596, "Connection timed out", false},
		{"drop before", Fault{Kind: DropBefore}, 0, "", false},
		{"drop after", Fault{Kind: DropAfter}, 0, "", true},
		{"half an answer", Fault{Kind: HalfAnswer}, 0, "", true},
		{"foreign", Fault{Kind: ForeignVM}, 500, "unable to create VM 9000 - VM 9000 already exists on node 'pve'", true},
		{"other method", Fault{Kind: Error, Method: "DELETE"}, 200, "OK", true},
		{"other path", Fault{Kind: Error, Path: "^/version$"}, 200, "OK", true},
		{"later", Fault{Kind: Error, After: 1}, 200, "OK", true},
	} {
		c := start(t, Options{})
		if err := c.srv.Fault(tc.fault); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, c.srv.URL+"/api2/json"+create, strings.NewReader("vmid=9000"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.try(req)
		if (err != nil) != (tc.status == 0) || err == nil && (r.Status != tc.status || r.Reason != tc.reason) {
			t.Errorf("%s: %+v, %v", tc.name, r, err)
		}
		if c.srv.exists(9000) != tc.made {
			t.Errorf("%s: machine there: %v", tc.name, !tc.made)
		}
	}
}

func TestFaultsOfATask(t *testing.T) {
	t.Parallel()
	const lock = "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout"
	for _, tc := range []struct {
		kind Kind
		exit string
		made bool
	}{
		{TaskFails, "no luck", false}, {TaskFailsLate, "no luck", true}, {TaskWarns, "WARNINGS: 1", true}, {TaskSlow, "OK", true},
		{LockTimeout, lock, false},
	} {
		c := start(t, Options{})
		if err := c.srv.Fault(Fault{Method: "POST", Kind: tc.kind, Message: "no luck", Count: 1, Delay: Duration(time.Millisecond)}); err != nil {
			t.Fatal(err)
		}
		upid := c.task(tc.exit, http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000"))
		if c.srv.exists(9000) != tc.made {
			t.Errorf("%s: machine there: %v", tc.kind, !tc.made)
		}
		lines := c.must(http.MethodGet, "/nodes/pve/tasks/"+upid+"/log", nil).([]any)
		if last := lines[len(lines)-1].(map[string]any)["t"]; last != lastLine(tc.exit) {
			t.Errorf("%s: log ends with %q", tc.kind, last)
		}
	}
	c := start(t, Options{})
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000"))
	if err := c.srv.Fault(Fault{Method: "PUT", Kind: LockTimeout}); err != nil {
		t.Fatal(err)
	}
	if r := c.do(http.MethodPut, "/nodes/pve/qemu/9000/config", form("name", "a")); r.Reason != lock || c.doc("/nodes/pve/qemu/9000/config")["name"] != nil {
		t.Errorf("lock timeout without a task: %+v", r)
	}
}

func TestNextIDRace(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	if err := c.srv.Fault(Fault{Path: "nextid", Kind: NextIDRace, Count: 1}); err != nil {
		t.Fatal(err)
	}
	id := c.must(http.MethodGet, "/cluster/nextid", nil).(string)
	if r := c.do(http.MethodPost, "/nodes/pve/qemu", form("vmid", id)); r.Status != 500 || !strings.Contains(r.Reason, "already exists") {
		t.Errorf("create on an ID that was lost: %+v", r)
	}
	if again := c.must(http.MethodGet, "/cluster/nextid", nil); again == id {
		t.Errorf("nextid gave %s twice", id)
	}
}

// lab sends to /lab and returns the status and the body.
func (c *client) lab(method, path, token, body string) (int, string) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.srv.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("X-Lab-Token", token)
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var b bytes.Buffer
	_, _ = b.ReadFrom(res.Body)
	return res.StatusCode, b.String()
}

func TestLabDoor(t *testing.T) {
	t.Parallel()
	shut := start(t, Options{})
	if status, _ := shut.lab("GET", "/lab/faults", "", ""); status != http.StatusForbidden {
		t.Errorf("without a lab token: %d", status)
	}
	c := start(t, Options{LabToken: "secret"})
	for _, tc := range []struct {
		method, path, token, body string
		status                    int
		want                      string
	}{
		{"GET", "/lab/faults", "wrong", "", 403, ""},
		{"POST", "/lab/faults", "secret", `{"kind":"delay","delay":"1ms","path":"^/version"}`, 200, ""},
		{"POST", "/lab/faults", "secret", `[{"kind":"596","count":1},{"kind":"task-warns"}]`, 200, ""},
		{"POST", "/lab/faults", "secret", `{"kind":"explode"}`, 400, "explode"},
		{"POST", "/lab/faults", "secret", `{"kind":"delay","path":"("}`, 400, "missing closing"},
		{"POST", "/lab/faults", "secret", `no`, 400, ""},
		{"GET", "/lab/faults", "secret", "", 200, `"delay":"1ms"`},
		{"PUT", "/lab/faults", "secret", "", 501, "was not taught PUT /lab/faults"},
		{"DELETE", "/lab/faults", "secret", "", 200, ""},
		{"GET", "/lab/calls", "secret", "", 200, `"data":null`},
	} {
		status, body := c.lab(tc.method, tc.path, tc.token, tc.body)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s %s: %d %s", tc.method, tc.path, tc.body, status, body)
		}
	}
	if len(c.srv.Faults()) != 0 {
		t.Errorf("faults left: %v", c.srv.Faults())
	}
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	c.must(http.MethodGet, "/version", nil)
	c.task("OK", http.MethodPost, "/nodes/pve/qemu", form("vmid", "9000", "description", "a secret"))
	var writes []Call
	for _, call := range c.srv.Calls() {
		if call.Writes() {
			writes = append(writes, call)
		}
	}
	if len(writes) != 1 || writes[0].Path != "/nodes/pve/qemu" || writes[0].UPID == "" || writes[0].Who != TestToken {
		t.Errorf("writes %+v", writes)
	}
	if text, err := json.Marshal(c.srv.Calls()); err != nil || strings.Contains(string(text), "a secret") {
		t.Errorf("the log holds a value: %s %v", text, err)
	}
	c.srv.ForgetCalls()
	if len(c.srv.Calls()) != 0 {
		t.Error("calls not forgotten")
	}
}
