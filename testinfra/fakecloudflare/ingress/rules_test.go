package ingress

import (
	"errors"
	"net/http/httptest"
	"testing"
)

const rest = `{"service":"http_status:404"}`

func TestParseRefusesWhatCloudflareRefuses(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{
		"no rule":              ``,
		"last with a host":     `{"hostname":"a.lab.test","service":"http://127.0.0.1:1"}`,
		"last with a path":     `{"path":"^/a","service":"http_status:404"}`,
		"catch-all in between": rest + `,{"hostname":"a.lab.test","service":"http://a:1"},` + rest,
		"host with a port":     `{"hostname":"a.lab.test:443","service":"http://a:1"},` + rest,
		"inner wildcard":       `{"hostname":"a.*.test","service":"http://a:1"},` + rest,
		"wildcard in a label":  `{"hostname":"*a.test","service":"http://a:1"},` + rest,
		"two wildcards":        `{"hostname":"*.*.test","service":"http://a:1"},` + rest,
		"bad expression":       `{"hostname":"a.test","path":"[","service":"http://a:1"},` + rest,
		"service with a path":  `{"hostname":"a.test","service":"http://a:1/x"},` + rest,
		"service with a slash": `{"hostname":"a.test","service":"http://a:1/"},` + rest,
		"no scheme":            `{"hostname":"a.test","service":"a:1"},` + rest,
		"unknown scheme":       `{"hostname":"a.test","service":"gopher://a:1"},` + rest,
		"status out of range":  `{"service":"http_status:99"}`,
		"status is no number":  `{"service":"http_status:no"}`,
		"unknown field":        `{"servce":"http_status:404"}`,
		"seconds as text":      `{"service":"http_status:404","originRequest":{"connectTimeout":"30s"}}`,
		"parts of a second":    `{"service":"http_status:404","originRequest":{"connectTimeout":0.5}}`,
		"text for a switch":    `{"service":"http_status:404","originRequest":{"noTLSVerify":"yes"}}`,
		"number for a name":    `{"service":"http_status:404","originRequest":{"originServerName":1}}`,
		"unknown option":       `{"service":"http_status:404","originRequest":{"noTlsVerify":true}}`,
	} {
		if _, err := Parse([]byte(`{"ingress":[` + rules + `]}`)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := Parse([]byte(`{"ingress":[` + rest + `],"originRequest":{"what":1}}`)); err == nil {
		t.Error("an unknown option for all rules is taken")
	}
}

func TestMatchTakesTheFirstRule(t *testing.T) {
	t.Parallel()
	c, err := Parse([]byte(`{"ingress":[
		{"hostname":"a.lab.test","path":"^/api/","service":"http://api:1"},
		{"hostname":"a.lab.test","service":"http://a:1","originRequest":{"connectTimeout":5,"noTLSVerify":false,"originServerName":"a","access":{}}},
		{"hostname":"*.lab.test","service":"tcp://rest:1"},
		{"hostname":"u.other.test","service":"unix:/run/u"},
		{"service":"http_status:404"}],"warp-routing":{"enabled":false}}`))
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"https://a.lab.test/api/x":  "http://api:1",
		"https://A.lab.test:443/ap": "http://a:1",
		"https://b.lab.test/api/x":  "tcp://rest:1",
		"https://c.b.lab.test/":     "tcp://rest:1",
		"https://lab.test/":         "http_status:404",
		"https://u.other.test/":     "unix:/run/u",
	} {
		got, err := c.Match(httptest.NewRequest("GET", target, nil))
		if err != nil || got.Service != want {
			t.Errorf("%s goes to %q (%v), want %q", target, got.Service, err, want)
		}
	}
	if _, err := (Config{}).Match(httptest.NewRequest("GET", "https://a.lab.test/", nil)); !errors.Is(err, ErrNoRule) {
		t.Errorf("without rules: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"ingress":[{"hostname":"*.a.test","path":"^/a","service":"http://a:1"},{"service":"http_status:404"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := c.Match(httptest.NewRequest("GET", "https://a.lab.test/x", nil)); err != nil {
			t.Errorf("what was taken matches not all: %v", err)
		}
	})
}
