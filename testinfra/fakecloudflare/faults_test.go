package fakecloudflare

import (
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
)

func TestFaultsBefallTheirRequests(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c := clientOf(t, r)
	err := r.Fault(Fault{Method: "GET", Path: "^/zones$", Kind: TooMany, After: 1, Count: 2, RetryAfter: 7},
		Fault{Path: "^/ips$", Kind: Refused, Status: 403, Code: 42, Count: 1}, Fault{Path: "^/zones/", Kind: Slow, Delay: "1ms"})
	if err != nil {
		t.Fatal(err)
	}
	c.must("GET", "/zones", nil, nil)
	for range 2 {
		if out := c.refused("GET", "/zones", nil, http.StatusTooManyRequests, 971); out.Header.Get("Retry-After") != "7" {
			t.Errorf("header %v", out.Header)
		}
	}
	c.must("GET", "/zones", nil, nil)
	c.refused("GET", "/ips", nil, 403, 42)
	c.must("GET", zonePath, nil, nil)
	if calls := r.Calls(); calls[1].Fault != TooMany || calls[5].Fault != Slow || len(r.Faults()) != 3 {
		t.Errorf("calls %+v, faults %+v", calls, r.Faults())
	}
	r.ClearFaults()
	c.must("GET", "/ips", nil, nil)
	for _, bad := range []Fault{{Kind: "earthquake"}, {Kind: Slow, Delay: "long"}, {Kind: Slow, Path: "["}} {
		if err := r.Fault(bad); err == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c, path := clientOf(t, r), zonePath+"/dns_records"
	fault := func(f Fault) {
		t.Helper()
		r.ClearFaults()
		if err := r.Fault(f); err != nil {
			t.Fatal(err)
		}
	}
	fault(Fault{Kind: Broken, Status: 503})
	res, err := c.send("GET", "/zones", nil)
	if err != nil || res.StatusCode != 503 || res.Header.Get("Content-Type") != "text/html" {
		t.Errorf("broken: %v, %v", res, err)
	}
	fault(Fault{Kind: Half, Method: "POST"})
	res, err = c.send("POST", path, record("A", "half", "192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half an answer reads as %v", err)
	}
	fault(Fault{Kind: Reset, Method: "POST"})
	if _, err := c.send("POST", path, record("A", "reset", "192.0.2.1")); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("reset: %v", err)
	}
	fault(Fault{Kind: ResetAfter, Method: "POST"})
	if _, err := c.send("POST", path, record("A", "after", "192.0.2.1")); err == nil {
		t.Error("an answer came")
	}
	var names []string
	for _, rec := range r.Records("") {
		names = append(names, rec.Name)
	}
	if len(names) != 2 || names[0] != "half.lab.test" || names[1] != "after.lab.test" {
		t.Errorf("the requests that had an effect made %v", names)
	}
}

func TestSomebodyElseComesFirst(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c := clientOf(t, r)
	id, _ := newTunnel(c, "edge")
	if err := r.Fault(Fault{Method: "GET", Path: "/configurations$", Kind: ConfigMoves, Host: "foreign.lab.test", Count: 1},
		Fault{Method: "POST", Path: "/dns_records$", Kind: ForeignRecord, Count: 1},
		Fault{Method: "PUT", Path: "/configurations$", Kind: TunnelGone}); err != nil {
		t.Fatal(err)
	}
	var seen, then struct {
		Version int
		Config  *ingress.Config
	}
	path := tunnelPath + "/" + id + "/configurations"
	c.must("GET", path, nil, &seen)
	c.must("GET", path, nil, &then)
	if seen.Version != 0 || then.Version != 1 || then.Config.Ingress[0].Hostname != "foreign.lab.test" {
		t.Errorf("seen %+v, then %+v", seen, then)
	}
	c.refused("POST", zonePath+"/dns_records", record("CNAME", "git", "x.test"), http.StatusBadRequest, 81053)
	if all := r.Records(""); len(all) != 1 || all[0].Name != "git.lab.test" || all[0].Comment != "" {
		t.Errorf("records %+v", all)
	}
	c.refused("PUT", path, doc{}, http.StatusNotFound, 1003)
}
