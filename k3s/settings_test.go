package k3s

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// madeUp are tokens, which are others in each run.
var madeUp = regexp.MustCompile(`(K10)?[0-9a-f]{64}`)

func TestFilesAsWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Server, inventory.Server, inventory.Agent)
		w.mustUp()
		for name, golden := range map[string]string{"edge-1": "server", "edge-2": "joins", "edge-4": "agent"} {
			files := w.hosts[name].State().Files
			for path, file := range map[string]string{configPath: golden + ".config.yaml", psaPath: "psa.yaml", auditPath: "audit.yaml"} {
				f, there := files[path]
				if isServer := golden != "agent"; !isServer && path != configPath {
					if there {
						t.Errorf("%s has %s", name, path)
					}
					continue
				}
				if f.Mode != 0o600 {
					t.Errorf("%s: %s has mode %o", name, path, f.Mode)
				}
				compare(t, file, madeUp.ReplaceAll(f.Content, []byte("${1}HEX")))
			}
			if name == "edge-4" {
				continue
			}
			if m := files[logsDir].Mode.Perm(); m != 0o700 {
				t.Errorf("%s has mode %o", logsDir, m)
			}
			if _, there := files[manifestsDir+"/traefik-config.yaml"]; !there {
				t.Errorf("%s has no manifest", name)
			}
		}
	})
}

// With IPv6 each value is one for each family.
func TestFilesForBothFamilies(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		address := netip.MustParseAddr("fd00:1::11")
		w.c.Cluster.Nodes[0].Address6 = &address
		w.c.Cluster.K3s.IPv6 = &inventory.K3sNetworks6{PodCIDR: netip.MustParsePrefix("fd42:42::/56"), ServiceCIDR: netip.MustParsePrefix("fd42:43::/112")}
		w.mustUp()
		config := w.hosts["edge-1"].State().Files[configPath].Content
		for _, want := range []string{
			"node-ip: 10.77.0.11,fd00:1::11", "cluster-cidr: 10.42.0.0/16,fd42:42::/56", "service-cidr: 10.43.0.0/16,fd42:43::/112",
			"tls-san:\n  - 10.77.0.11\n  - fd00:1::11\n",
		} {
			if !bytes.Contains(config, []byte(want)) {
				t.Errorf("%q is not in\n%s", want, config)
			}
		}
	})
}

// The networks of pods and services are those that the cluster was made with.
func TestNetworksAreKept(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		w.mustUp()
		before := w.hosts["edge-1"].State().Files[configPath].Content
		w.c.Cluster.K3s.IPv6 = &inventory.K3sNetworks6{PodCIDR: netip.MustParsePrefix("fd42:42::/56"), ServiceCIDR: netip.MustParsePrefix("fd42:43::/112")}
		_, err := w.up()
		if err == nil || !strings.Contains(err.Error(), "cluster-cidr 10.42.0.0/16, which cannot become 10.42.0.0/16,fd42:42::/56") || !strings.Contains(hintOf(err), "k3s.podCIDR") {
			t.Errorf("got %v (%s)", err, hintOf(err))
		}
		if after := w.hosts["edge-1"].State().Files[configPath].Content; !bytes.Equal(after, before) {
			t.Errorf("written all the same:\n%s", after)
		}
	})
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	goldenfile.Compare(t, filepath.Join("testdata", name), got, *update)
}

// No token is in an event, an error or a command, whatever is printed how.
func TestNoTokenIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Server, inventory.Server, inventory.Agent)
		w.mustUp()
		for _, h := range w.hosts {
			h.Edit(func(s *fakehost.State) {
				f := s.Files[configPath]
				s.Put(configPath, append(bytes.ReplaceAll(f.Content, []byte("token: "), []byte("token: canary")), "secret-key: canary\n"...), 0o600)
			})
		}
		if _, err := w.plan(); err != nil {
			t.Fatal(err)
		}
		state := w.hosts["edge-1"].State()
		text := w.log.text() + strings.Join(w.changes(), "\n")
		for _, secret := range []string{"canary", w.token("edge-1"), string(short2(state.Files[agentTokenPath].Content)), "K10"} {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("%.6q… is told", secret)
			}
		}
		if !strings.Contains(text, "{ID:secret-key Have:a value that is not shown Want:not set}") {
			t.Errorf("what differs is not told: %s", text)
		}
		s := settings{Token: "canary", AgentToken: "canary"}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if got := fmt.Sprintf(verb, s); strings.Contains(got, "canary") || strings.Contains(got, "63616e617279") {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	})
}

func short2(file []byte) []byte {
	text := bytes.TrimSpace(file)
	return text[bytes.LastIndexByte(text, ':')+1:]
}

func TestTokensAreKept(t *testing.T) {
	for name, tc := range map[string]struct {
		lose func(s *fakehost.State)
		hint string
	}{
		"in config.yaml": {lose: func(s *fakehost.State) {
			delete(s.Files, serverTokenPath)
			delete(s.Files, agentTokenPath)
		}},
		"in the files of K3s":        {lose: func(s *fakehost.State) { delete(s.Files, configPath) }},
		"in an edited config.yaml":   {lose: func(s *fakehost.State) { s.Put(configPath, []byte("debug: true\n"), 0o600) }},
		"not in one that is no YAML": {lose: func(s *fakehost.State) { s.Put(configPath, []byte("token: [canary"), 0o600) }, hint: "mend it by hand"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.mustUp()
				before := w.token("edge-1")
				w.hosts["edge-1"].Edit(tc.lose)
				_, err := w.up()
				if tc.hint != "" {
					if !strings.Contains(hintOf(err), tc.hint) || strings.Contains(err.Error(), "canary") {
						t.Errorf("got %v, hint %q", err, hintOf(err))
					}
					return
				}
				if err != nil || w.token("edge-1") != before || before == "" {
					t.Errorf("the token was changed: %v", err)
				}
			})
		})
	}
}

func TestSettingsDiffer(t *testing.T) {
	t.Parallel()
	got := settingsDiffer([]byte("token: a\nnode-ip: 10.0.0.1\ntls-san: [a]\ndebug: true\n"), []byte("token: b\nnode-ip: 10.0.0.2\ntls-san: [a]\nagent-token: c\n"))
	want := []converge.Change{
		{ID: "agent-token", Have: "not set", Want: "a value that is not shown"},
		{ID: "debug", Have: "a value that is not shown", Want: "not set"},
		{ID: "node-ip", Have: "10.0.0.1", Want: "10.0.0.2"},
		{ID: "token", Have: "another one", Want: "a value that is not shown"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, broken := range []string{"[", "- a", "\x00"} {
		if got := settingsDiffer([]byte(broken), []byte("token: b")); len(got) != 0 {
			t.Errorf("%q: %v", broken, got)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, role := range []inventory.Role{inventory.Server, inventory.Agent} {
		f, err := (&view{node: inventory.Node{Role: role}}).unit()
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{
			"After=network-online.target nftables.service", "Wants=network-online.target", "Type=notify", "ExecStart=/usr/local/bin/k3s " + string(role),
			"KillMode=process", "Delegate=yes", "TasksMax=infinity", "LimitNOFILE=1048576", "Restart=always", "RestartSec=5s", "TimeoutStartSec=0", "WantedBy=multi-user.target",
		} {
			if !strings.Contains("\n"+string(f.Content), "\n"+line+"\n") {
				t.Errorf("%s has no line %s", f.Path, line)
			}
		}
	}
}

func FuzzSettingsDiffer(f *testing.F) {
	for _, s := range []string{"", "token: a", "a: [b", "a: &x b\nc: *x", "? [a]\n: b", "1: 2", "a: {b: c}", "a: !!binary x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, have []byte) {
		for _, c := range settingsDiffer(have, []byte("token: canary\nnode-ip: 10.0.0.1\n")) {
			if c.Have == c.Want || strings.Contains(c.Want, "canary") {
				t.Errorf("%+v", c)
			}
		}
	})
}
