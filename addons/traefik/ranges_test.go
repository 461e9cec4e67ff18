package traefik

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tenNetworks is the shortest list that is taken for Cloudflare's.
var tenNetworks = strings.Join([]string{
	"103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "104.16.0.0/13", "104.24.0.0/14",
	"108.162.192.0/18", "131.0.72.0/22", "141.101.64.0/18", "162.158.0.0/15", "172.64.0.0/13",
}, "\n")

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func TestRangesAreCloudflares(t *testing.T) {
	t.Parallel()
	v4, v6 := 0, 0
	for _, p := range Ranges() {
		if p.Addr().Is4() {
			v4++
		} else {
			v6++
		}
	}
	if v4 != 15 || v6 != 7 {
		t.Errorf("%d IPv4 and %d IPv6 networks, want 15 and 7", v4, v6)
	}
	for _, edge := range []string{"104.16.1.1", "172.67.0.1", "2606:4700::1111"} {
		if !slices.ContainsFunc(Ranges(), func(p netip.Prefix) bool { return p.Contains(netip.MustParseAddr(edge)) }) {
			t.Errorf("%s is in no network", edge)
		}
	}
}

func TestParseRangesRefuses(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"0.0.0.0/0":         "wider than any provider's",
		"100.0.0.0/7":       "wider than any provider's",
		"2000::/3":          "wider than any provider's",
		"10.0.0.0/8":        "not on the internet",
		"127.0.0.0/8":       "not on the internet",
		"fd00::/32":         "not on the internet",
		"224.0.0.0/8":       "not on the internet",
		"104.16.0.1/13":     "not the address of a network",
		"::ffff:1.2.3.0/24": "line 11",
		"<!DOCTYPE html>":   "line 11",
		"104.16.0.0":        "line 11",
	} {
		_, err := ParseRanges([]byte(tenNetworks + "\n" + line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	for _, text := range []string{"", "# nothing\n", "104.16.0.0/13\n", strings.ReplaceAll(tenNetworks, "103.31.4.0/22", "# gone")} {
		if _, err := ParseRanges([]byte(text)); err == nil {
			t.Errorf("%q is taken for Cloudflare's networks", text)
		}
	}
}

func FuzzParseRanges(f *testing.F) {
	f.Add([]byte(tenNetworks))
	f.Add([]byte("104.16.0.0/13 # one\n\n2606:4700::/32"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ranges, err := ParseRanges(text)
		if err != nil {
			return
		}
		for _, p := range ranges {
			if why := implausible(p); why != "" || p.Contains(netip.MustParseAddr("10.0.0.1")) {
				t.Errorf("%s was taken, though it %s", p, why)
			}
		}
	})
}

func TestLoadRanges(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), RangesFile)
	if got, err := LoadRanges(file); err != nil || len(got) != len(Ranges()) {
		t.Errorf("without a file: %d networks, %v", len(got), err)
	}
	if err := os.WriteFile(file, []byte(tenNetworks+" # ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadRanges(file); err != nil || len(got) != 10 {
		t.Errorf("with a file: %d networks, %v", len(got), err)
	}
	if err := os.WriteFile(file, []byte("0.0.0.0/0"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRanges(file); err == nil || hintOf(err) == "" {
		t.Errorf("with a wrong file: %v", err)
	}
	if _, err := LoadRanges(t.TempDir()); err == nil {
		t.Error("a folder is read as a list")
	}
}

func TestFetchRanges(t *testing.T) {
	t.Parallel()
	v4, v6 := tenNetworks, "2606:4700::/32" // Cloudflare sends no line end at the end
	for name, c := range map[string]struct {
		v4, v6 string
		code   int
		want   string // of the error
	}{
		"sound":        {v4, v6, 200, ""},
		"half a list":  {"104.16.0.0/13", v6, 200, "only 1 IPv4"},
		"no IPv6":      {v4, "\n", 200, "is empty"},
		"a login page": {"<html>", v6, 200, "line 1"},
		"away":         {v4, v6, 503, "503"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.code)
			_, _ = w.Write([]byte(map[string]string{"/ips-v4": c.v4, "/ips-v6": c.v6}[r.URL.Path])) // the client sees what is missing
		}))
		t.Cleanup(server.Close)
		got, err := FetchRanges(t.Context(), server.Client(), server.URL)
		switch {
		case c.want == "" && (err != nil || len(got) != 11):
			t.Errorf("%s: %d networks, %v", name, len(got), err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
