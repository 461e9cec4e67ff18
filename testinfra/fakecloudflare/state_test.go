package fakecloudflare

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestZonesAndSettings(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{Zones: []Zone{{Name: "a.test"}, {Name: "b.test", Status: "pending"}, {Name: TestZone, Settings: map[string]string{"ssl": "flexible"}}}})
	c := clientOf(t, r)
	for query, want := range map[string]int{"": 3, "?name=a.test": 1, "?status=pending": 1, "?name=x.test": 0, "?account.id=" + TestAccount: 3} {
		var found []struct{ Account struct{ ID string } }
		c.must("GET", "/zones"+query, nil, &found)
		if len(found) != want || want > 0 && found[0].Account.ID != TestAccount {
			t.Errorf("%s finds %v, want %d", query, found, want)
		}
	}
	if out := c.call("GET", "/zones?per_page=5", nil); out.Info.TotalCount != 3 {
		t.Errorf("result_info %+v", out.Info)
	}
	var ssl struct{ ID, Value string }
	c.must("GET", zonePath+"/settings/ssl", nil, &ssl)
	if ssl.Value != "flexible" {
		t.Errorf("setting %+v", ssl)
	}
	c.must("PATCH", zonePath+"/settings/ssl", doc{"value": "strict"}, &ssl)
	if ssl.Value != "strict" {
		t.Errorf("setting %+v", ssl)
	}
	c.refused("PATCH", zonePath+"/settings/ssl", doc{"value": "loose"}, http.StatusBadRequest, 1007)
	if err := r.SetZone(TestZone, "moved", map[string]string{"ssl": "off"}); err != nil {
		t.Error(err)
	}
	var z struct{ Status string }
	c.must("GET", zonePath, nil, &z)
	if z.Status != "moved" {
		t.Errorf("zone %+v", z)
	}
	if err := r.SetZone("none.test", "active", nil); err == nil {
		t.Error("a zone that is not there is set")
	}
}

func TestTheStateOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	var kept []byte
	o := Options{Save: func(state []byte) error { kept = bytes.Clone(state); return nil }}
	first := Start(t, o)
	c := clientOf(t, first)
	id, _ := newTunnel(c, "edge")
	c.must("POST", zonePath+"/dns_records", record("A", "a", "192.0.2.1"), nil)
	o.State = kept
	second := Start(t, o)
	if all := second.Records(TestZone); len(all) != 1 {
		t.Errorf("records %v", all)
	}
	if all := second.Tunnels(); len(all) != 1 || all[0].ID != id {
		t.Errorf("tunnels %v", all)
	}
	if !bytes.Equal(first.OriginCA(), second.OriginCA()) {
		t.Error("the Origin CA is another one")
	}
}

func TestTheLabsSwitches(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	ask := func(method, path, body string) string {
		t.Helper()
		w := httptest.NewRecorder()
		r.Lab().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		if w.Code != http.StatusOK {
			return w.Result().Status + w.Body.String()
		}
		return w.Body.String()
	}
	tunnel, _, err := r.AddTunnel(TestAccount, "edge", "cloudflare")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ method, path, body, want string }{
		{"POST", "/faults", `[{"kind":"429"},{"kind":"slow","delay":"1s"}]`, "null"},
		{"POST", "/faults", `{"kind":"half"}`, "null"},
		{"GET", "/faults", "", `"half"`},
		{"POST", "/faults", `{"kind":"flood"}`, "422"},
		{"POST", "/faults", `{`, "422"},
		{"DELETE", "/faults", "", "null"},
		{"POST", "/records", `{"name":"a.lab.test","type":"A","content":"192.0.2.9"}`, "null"},
		{"GET", "/records", "", "192.0.2.9"},
		{"PUT", "/tunnels/" + tunnel.ID, `{"ingress":[{"service":"http_status:418"}]}`, "null"},
		{"GET", "/tunnels", "", "http_status:418"},
		{"PUT", "/tokens", `{"value":"` + otherToken + `","status":"expired"}`, "null"},
		{"PUT", "/zones", `{"name":"lab.test","status":"pending"}`, "null"},
		{"PUT", "/zones", `nonsense`, "422"},
		{"DELETE", "/tunnels/" + tunnel.ID, "", "null"},
		{"GET", "/certificates", "", "[]"},
		{"DELETE", "/calls", "", "null"},
		{"GET", "/calls", "", "null"},
	} {
		if got := ask(step.method, step.path, step.body); !strings.Contains(got, step.want) {
			t.Errorf("%s %s: %s, want %s", step.method, step.path, got, step.want)
		}
	}
	var states []TunnelState
	if err := json.Unmarshal([]byte(ask("GET", "/tunnels", "")), &states); err != nil || len(states) != 1 || states[0].Deleted == nil {
		t.Errorf("tunnels %+v, %v", states, err)
	}
	if got := ask("DELETE", "/records/"+r.Records("")[0].ID, ""); got != "null\n" {
		t.Errorf("delete record: %s", got)
	}
}
