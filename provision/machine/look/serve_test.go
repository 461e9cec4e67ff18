package look

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

// errWrite is a pipe that nobody reads any more.
var errWrite = errors.New("broken pipe")

// closed is such a pipe.
type closed struct{}

// Write fails.
func (closed) Write([]byte) (int, error) { return 0, errWrite }

func TestTheAgentsSide(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Main(t.Context(), strings.NewReader(`{"files":[{"path":"/proc/self/none"}],"spaces":["/"],"interfaces":true}`+"\n"), &out); err != nil {
		t.Fatal(err)
	}
	var a Answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if a.Version != Version || a.Arch != runtime.GOARCH || !a.Files["/proc/self/none"].Absent || a.Time.IsZero() || a.Interfaces["127.0.0.1"] == "" {
		t.Errorf("got %+v", a)
	}
	if runtime.GOOS == "linux" && a.Spaces["/"].Total <= 0 {
		t.Errorf("spaces %+v", a.Spaces)
	}
	if err := Main(t.Context(), strings.NewReader(`{}`), closed{}); !errors.Is(err, errWrite) || errors.Is(err, ErrRequest) {
		t.Errorf("got %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ request, words string }{
		"nothing":            {``, "EOF"},
		"no JSON":            {`files`, "standard input"},
		"an unknown field":   {`{"processes":true}`, "processes"},
		"two documents":      {`{} {}`, "more than one"},
		"a relative path":    {`{"files":[{"path":"etc/passwd"}]}`, "etc/passwd"},
		"a path that climbs": {`{"files":[{"path":"/etc/../root"}]}`, "/etc/../root"},
		"a folder of none":   {`{"spaces":[""]}`, "folder"},
		"a flag for a unit":  {`{"units":["--all"]}`, "--all"},
		"a pattern":          {`{"journals":["k3s*.service"]}`, "k3s*"},
		"a unit of no kind":  {`{"units":["k3s"]}`, "k3s"},
		"no port":            {`{"dials":[{"address":"10.0.0.1","millis":1}]}`, "10.0.0.1"},
		"no time":            {`{"dials":[{"address":"10.0.0.1:1"}]}`, "milliseconds"},
		"a name as source":   {`{"dials":[{"address":"10.0.0.1:1","millis":1,"source":"eth0"}]}`, "eth0"},
		"a CA of none":       {`{"dials":[{"address":"10.0.0.1:1","millis":1,"ca":"eA=="}]}`, "certificate"},
		"a header more":      {`{"dials":[{"address":"10.0.0.1:1","millis":1,"host":"a\r\nX: y"}]}`, "host"},
		"a relative URL":     {`{"dials":[{"address":"10.0.0.1:1","millis":1,"path":"healthz"}]}`, "healthz"},
	} {
		var out bytes.Buffer
		err := Main(t.Context(), strings.NewReader(tt.request), &out)
		if !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), tt.words) || out.Len() > 0 {
			t.Errorf("%s: %v, answered %q", name, err, out.String())
		}
	}
	err := Main(t.Context(), strings.NewReader(`{"units":["a","b"],"spaces":["c"]}`), io.Discard)
	for _, word := range []string{`"a"`, `"b"`, `"c"`} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not tell of %s", err, word)
		}
	}
}
