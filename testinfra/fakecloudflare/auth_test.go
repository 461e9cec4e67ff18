package fakecloudflare

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const otherToken = "another-token-00000000000000000000000000b"

func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	expired, disabled := strings.Repeat("e", 40), strings.Repeat("d", 40)
	r := Start(t, Options{Tokens: []Token{
		{Value: TestToken, Grants: All("*")}, {Value: expired, Status: "expired", Grants: All("*")},
		{Value: disabled, Status: "disabled", Grants: All("*")},
	}})
	var who struct{ ID, Status string }
	clientOf(t, r).must("GET", "/user/tokens/verify", nil, &who)
	if who.Status != "active" || !hexID.MatchString(who.ID) {
		t.Errorf("the token is %+v", who)
	}
	client{t, r, ""}.refused("GET", "/zones", nil, http.StatusBadRequest, 9106)
	out := client{t, r, "short"}.refused("GET", "/zones", nil, http.StatusBadRequest, 6003)
	if len(out.Errors[0].Chain) != 1 || out.Errors[0].Chain[0].Code != 6111 {
		t.Errorf("a malformed token is told %v", out.Errors)
	}
	unknown := client{t, r, strings.Repeat("u", 40)}
	unknown.refused("GET", "/user/tokens/verify", nil, http.StatusUnauthorized, 1000)
	unknown.refused("GET", "/zones", nil, http.StatusForbidden, 9109)
	unknown.refused("GET", tunnelPath, nil, http.StatusForbidden, 10000)
	for token, status := range map[string]string{expired: "expired", disabled: "disabled"} {
		c := client{t, r, token}
		c.must("GET", "/user/tokens/verify", nil, &who)
		if who.Status != status {
			t.Errorf("a token that is %s is told %q", status, who.Status)
		}
		c.refused("GET", "/zones", nil, http.StatusForbidden, 9109)
	}
	client{t, r, ""}.must("GET", "/ips", nil, nil)
}

func TestPermissionsHoldForTheirZoneAndAccount(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{
		Zones: []Zone{{Name: TestZone}, {Name: "other.test", Account: strings.Repeat("b", 32)}},
		Tokens: []Token{{Value: TestToken, Grants: slices.Concat(Grants(TestZone, ZoneRead, DNSRead), Grants(TestAccount, TunnelRead))},
			{Value: otherToken, Grants: Grants(TestZone, DNSEdit)}},
	})
	c, foreign := clientOf(t, r), "/zones/"+hexOf("zone other.test")
	var zones []struct{ Name, Status string }
	c.must("GET", "/zones", nil, &zones)
	if len(zones) != 1 || zones[0].Name != TestZone {
		t.Errorf("the token sees %v", zones)
	}
	c.must("GET", zonePath+"/dns_records", nil, nil)
	c.must("GET", tunnelPath, nil, nil)
	for _, no := range [][2]string{
		{"GET", foreign}, {"GET", foreign + "/dns_records"}, {"POST", zonePath + "/dns_records"}, {"POST", tunnelPath},
		{"GET", "/accounts/" + strings.Repeat("b", 32) + "/cfd_tunnel"}, {"GET", zonePath + "/settings/ssl"},
		{"PATCH", zonePath + "/settings/ssl"}, {"GET", "/zones/" + strings.Repeat("0", 32)},
		{"GET", "/certificates?zone_id=" + hexOf("zone "+TestZone)},
	} {
		c.refused(no[0], no[1], doc{}, http.StatusForbidden, 10000)
	}
	c.refused("GET", "/zones/nonsense/dns_records", nil, http.StatusNotFound, 7003)
	c.refused("GET", "/accounts/nonsense/cfd_tunnel", nil, http.StatusNotFound, 7003)
	other := client{t, r, otherToken}
	other.must("GET", zonePath+"/dns_records", nil, nil) // edit includes read
	other.refused("GET", "/zones", nil, http.StatusForbidden, 9109)
	if err := r.SetToken(Token{Value: otherToken, Grants: Grants(TestZone, ZoneRead)}); err != nil {
		t.Fatal(err)
	}
	other.must("GET", "/zones", nil, nil)
	other.refused("GET", zonePath+"/dns_records", nil, http.StatusForbidden, 10000)
}

func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{Limit: 2, Window: time.Hour})
	c := clientOf(t, r)
	c.must("GET", "/zones", nil, nil)
	c.must("GET", "/zones", nil, nil)
	out := c.refused("GET", "/zones", nil, http.StatusTooManyRequests, 971)
	if out.Header.Get("Retry-After") != "3600" {
		t.Errorf("Retry-After %q", out.Header.Get("Retry-After"))
	}
	c.must("GET", "/ips", nil, nil) // is not counted
	r.ForgetCalls()
	c.must("GET", "/zones", nil, nil)
}

func TestWhatWasNotTaughtIsRefusedLoudly(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c := clientOf(t, r)
	for _, no := range [][2]string{
		{"GET", "/accounts"}, {"POST", "/zones"}, {"GET", "/zones?order=name"}, {"POST", zonePath + "/dns_records/batch"},
		{"GET", zonePath + "/settings/brotli"}, {"GET", "/nonsense"},
	} {
		c.refused(no[0], no[1], doc{}, http.StatusNotImplemented, NotTaught)
	}
	c.refused("POST", zonePath+"/dns_records", doc{"name": "a", "type": "A", "content": "192.0.2.1", "priority": 1}, http.StatusNotImplemented, NotTaught)
	c.refused("POST", zonePath+"/dns_records", doc{"name": "a", "type": "MX", "content": "mx", "ttl": 1}, http.StatusNotImplemented, NotTaught)
	c.refused("POST", zonePath+"/dns_records", "{", http.StatusBadRequest, 9207)
	outside := *r
	outside.URL = strings.TrimSuffix(r.URL, apiRoot)
	client{t, &outside, TestToken}.refused("GET", "/lab/faults", nil, http.StatusNotImplemented, NotTaught)
	calls := r.Calls()
	if last := calls[len(calls)-1]; last.String() != "GET /lab/faults" || last.Status != http.StatusNotImplemented || last.Writes() {
		t.Errorf("the log says %+v", last)
	}
}

func TestOptionsThatCannotBePlayed(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"zone without a dot": {Zones: []Zone{{Name: "test"}}},
		"zone status":        {Zones: []Zone{{Name: TestZone, Status: "asleep"}}},
		"zone ID":            {Zones: []Zone{{Name: TestZone, ID: "1"}}},
		"zone setting":       {Zones: []Zone{{Name: TestZone, Settings: map[string]string{"ssl": "loose"}}}},
		"token value":        {Tokens: []Token{{Value: "short"}}},
		"token status":       {Tokens: []Token{{Value: TestToken, Status: "lost"}}},
		"permission":         {Tokens: []Token{{Value: TestToken, Grants: Grants("*", "Everything:Edit")}}},
		"state":              {State: []byte("{")},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
