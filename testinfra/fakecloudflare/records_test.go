package fakecloudflare

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func record(kind, name, content string) doc {
	return doc{"type": kind, "name": name, "content": content, "ttl": 1}
}

func TestARecordsLife(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c := clientOf(t, r)
	var made Record
	c.must("POST", zonePath+"/dns_records", doc{"type": "CNAME", "name": "Git", "content": "x.cfargotunnel.com", "proxied": true, "ttl": 300, "comment": "k3sedge:1/git"}, &made)
	if made.Name != "git.lab.test" || made.TTL != 1 || !made.Proxied || made.Comment != "k3sedge:1/git" {
		t.Errorf("made %+v", made)
	}
	one := zonePath + "/dns_records/" + made.ID
	c.must("PATCH", one, doc{"content": "y.cfargotunnel.com"}, &made)
	if made.Content != "y.cfargotunnel.com" || made.Comment == "" {
		t.Errorf("PATCH left %+v", made)
	}
	var put Record
	c.must("PUT", one, record("CNAME", "git.lab.test", "z.cfargotunnel.com"), &put)
	if put.Content != "z.cfargotunnel.com" || put.Comment != "" || put.Proxied || put.ID != made.ID {
		t.Errorf("PUT left %+v", put)
	}
	c.must("GET", one, nil, &put)
	c.must("DELETE", one, nil, nil)
	for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
		c.refused(method, one, doc{}, http.StatusNotFound, 81044)
	}
	if left := r.Records(TestZone); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestRecordsThatAreRefused(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c, path := clientOf(t, r), zonePath+"/dns_records"
	c.must("POST", path, record("A", "a", "192.0.2.1"), nil)
	c.must("POST", path, record("A", "a", "192.0.2.2"), nil)
	c.must("POST", path, record("TXT", "a", "text"), nil)
	c.must("POST", path, record("CNAME", "c", "a.lab.test"), nil)
	with := func(d doc, name string, value any) doc { d[name] = value; return d }
	for name, test := range map[string]struct {
		body doc
		code int
	}{
		"identical":             {record("A", "a", "192.0.2.1"), 81058},
		"alias over address":    {record("CNAME", "a", "x.test"), 81053},
		"alias over alias":      {record("CNAME", "c", "x.test"), 81053},
		"address over alias":    {record("AAAA", "c", "2001:db8::1"), 81054},
		"no IPv4":               {record("A", "b", "2001:db8::1"), 9005},
		"no IPv6":               {record("AAAA", "b", "192.0.2.1"), 9006},
		"alias to an address":   {record("CNAME", "b", "192.0.2.1"), 9007},
		"alias to itself":       {record("CNAME", "b", "B.lab.test."), 9039},
		"empty text":            {record("TXT", "b", ""), 9016},
		"no name":               {record("A", "", "192.0.2.1"), 9000},
		"bad name":              {record("A", "a..b", "192.0.2.1"), 9000},
		"inner wildcard":        {record("A", "a.*", "192.0.2.1"), 9000},
		"long comment":          {with(record("A", "b", "192.0.2.1"), "comment", strings.Repeat("é", 101)), 9313},
		"short time":            {with(record("A", "b", "192.0.2.1"), "ttl", 30), 9021},
		"proxied text":          {with(record("TXT", "b", "x"), "proxied", true), 9004},
		"proxied private":       {with(record("A", "b", "10.0.0.1"), "proxied", true), 9003},
		"tags of the paid plan": {with(record("A", "b", "192.0.2.1"), "tags", []string{"x"}), 1004},
	} {
		t.Run(name, func(t *testing.T) {
			client{t, r, TestToken}.refused("POST", path, test.body, http.StatusBadRequest, test.code)
		})
	}
	c.must("POST", path, with(record("A", "b", "192.0.2.1"), "comment", strings.Repeat("é", 100)), nil)
	c.must("POST", path, record("A", "*.w", "192.0.2.1"), nil)
	if n := len(r.Records("")); n != 6 {
		t.Errorf("%d records", n)
	}
}

func TestNamesAreCompletedAsTyped(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"@": TestZone, "lab.test": TestZone, "a.lab.test": "a.lab.test", "A.LAB.test.": "a.lab.test",
		"a": "a.lab.test", "a.other.test": "a.other.test.lab.test", "xlab.test": "xlab.test.lab.test",
	} {
		if got := fullName(typed, TestZone); got != want {
			t.Errorf("%q becomes %q, want %q", typed, got, want)
		}
	}
}

func TestListsHavePagesAndFilters(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	c, path := clientOf(t, r), zonePath+"/dns_records"
	for i := range 7 {
		if _, err := r.AddRecord(Record{Name: fmt.Sprintf("h%d.lab.test", i), Type: "A", Content: "192.0.2.1", Comment: fmt.Sprintf("k3sedge:%d/x", i%2)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.AddRecord(Record{Name: "h0.lab.test", Type: "TXT", Content: "hello"}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"": 8, "?type=TXT": 1, "?name=H0.lab.test": 2, "?name=h0.lab.test&type=A": 1, "?name.startswith=h0": 2, "?name.contains=h1": 1,
		"?content=hello": 1, "?comment.startswith=k3sedge:1/": 3, "?comment.exact=k3sedge:0/x": 4, "?comment.absent=true": 1,
		"?comment.present=true": 7, "?comment.endswith=/x&per_page=3&page=3": 1, "?page=9": 0,
	} {
		var found []Record
		c.must("GET", path+query, nil, &found)
		if len(found) != want {
			t.Errorf("%s finds %d, want %d", query, len(found), want)
		}
	}
	out := c.call("GET", path+"?per_page=3&page=2&type=A", nil)
	if want := (pageInfo{Page: 2, PerPage: 3, Count: 3, TotalCount: 7, TotalPages: 3}); out.Info != want {
		t.Errorf("result_info %+v, want %+v", out.Info, want)
	}
	c.refused("GET", path+"?page=0", nil, http.StatusBadRequest, 6003)
	c.refused("GET", path+"?per_page=many", nil, http.StatusBadRequest, 6003)
}

func TestRecordsOfOtherHands(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{})
	id, err := r.AddRecord(Record{Name: "a.lab.test", Type: "A", Content: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	clientOf(t, r).must("GET", zonePath+"/dns_records/"+id, nil, nil)
	if err := r.RemoveRecord(id); err != nil {
		t.Error(err)
	}
	if err := r.RemoveRecord(id); err == nil {
		t.Error("a record is removed twice")
	}
	if _, err := r.AddRecord(Record{Name: "a.other.test", Type: "A", Content: "192.0.2.1"}); err == nil {
		t.Error("a record lies in no zone")
	}
}
