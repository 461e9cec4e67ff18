package firewall

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

func updating() bool { return flag.Lookup("update").Value.String() == "true" }

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the golden files anew")
	flag.Parse()
	os.Exit(m.Run())
}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// referencePolicy is the one whose ruleset is in testdata.
func referencePolicy() Policy {
	return Policy{
		SSHPort:      22,
		AdminSources: prefixes("10.9.0.0/24", "10.9.0.5/32", "2001:db8::/64"),
		Open: []Port{
			{Proto: "tcp", Port: 443, Sources: Anyone()},
			{Proto: "tcp", Port: 22, Sources: prefixes("192.0.2.7/32", "10.9.0.128/25")},
			{Proto: "udp", Port: 8472, Sources: prefixes("10.9.0.11/32", "10.9.0.12/32")},
		},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	goldenfile.Compare(t, filepath.Join("testdata", name), []byte(got), updating())
}

func TestRenderGolden(t *testing.T) {
	t.Parallel()
	text, err := Render(referencePolicy())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "reference.nft", text)
	if strings.Contains(text, "flush ruleset") {
		t.Error("ruleset flushes what is not ours")
	}
}

func TestRenderDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	want, err := Render(referencePolicy())
	if err != nil {
		t.Fatal(err)
	}
	policy := referencePolicy()
	policy.Open[0], policy.Open[2] = policy.Open[2], policy.Open[0]
	policy.AdminSources[0], policy.AdminSources[1] = policy.AdminSources[1], policy.AdminSources[0]
	got, err := Render(policy)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("another order makes another text:\n%s", got)
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Policy){
		"ssh port is 0":                     func(p *Policy) { p.SSHPort = 0 },
		"nobody could log in":               func(p *Policy) { p.AdminSources = nil },
		"open[0]: port is 0":                func(p *Policy) { p.Open[0].Port = 0 },
		`protocol "sctp" is neither`:        func(p *Policy) { p.Open[1].Proto = "sctp" },
		"no source may reach udp port 8472": func(p *Policy) { p.Open[2].Sources = nil },
		"a source is no network":            func(p *Policy) { p.AdminSources = []netip.Prefix{{}} },
		"write it as an IPv4 network":       func(p *Policy) { p.Open[0].Sources = prefixes("::ffff:10.0.0.0/104") },
		`pod network "10.42.0.0/16" is not one of IPv6`: func(p *Policy) {
			p.Pods = &Pods{prefixes("10.42.0.0/16")[0], prefixes("10.43.0.0/16")[0], prefixes("10.42.0.0/16")[0], prefixes("fd43::/112")[0]}
		},
		`service network "invalid Prefix" is not one of IPv6`: func(p *Policy) {
			p.Pods = &Pods{PodCIDR: prefixes("10.42.0.0/16")[0], ServiceCIDR: prefixes("10.43.0.0/16")[0], PodCIDR6: prefixes("fd42::/56")[0]}
		},
		"protocol \"tcp\\ndrop\" is neither": func(p *Policy) { p.Open[0].Proto = "tcp\ndrop" },
	} {
		policy := referencePolicy()
		spoil(&policy)
		text, err := Render(policy)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
		if text != "" {
			t.Errorf("%s: there is a text in spite of the error", name)
		}
	}
}

func TestValidateReportsEverything(t *testing.T) {
	t.Parallel()
	err := Policy{Open: []Port{{Proto: "x"}}}.Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("want five problems, got %v", err)
	}
}

func TestMergePrefixes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"10.0.0.0/24 10.0.0.7/32", "10.0.0.0/24"},
		{"10.0.0.7/32 10.0.0.0/24 10.0.0.7/32", "10.0.0.0/24"},
		{"10.0.0.9/24", "10.0.0.0/24"},
		{"0.0.0.0/0 10.0.0.0/8 ::/0 fd00::/8", "0.0.0.0/0 ::/0"},
		{"10.0.0.0/25 10.0.0.128/25", "10.0.0.0/25 10.0.0.128/25"},
		{"10.0.0.0/32 10.0.0.0/8 10.0.0.0/16", "10.0.0.0/8"},
		{"", ""},
	} {
		var got []string
		for _, prefix := range mergePrefixes(prefixes(strings.Fields(c.in)...)) {
			got = append(got, prefix.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %v, want %s", c.in, got, c.want)
		}
	}
}
