package hardening

import (
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	adminKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlMDqpk+V38QQBabicNnZieifIRUVOfs6kGCzsCDSpX admin@desk"
	// adminPrint is what ssh-keygen -l says of adminKey.
	adminPrint = "SHA256:CvdR6aU8JiCQd5YtYeKOQ3z/SWgxMmtMChN+hXN83+w"
)

func testCluster() inventory.Cluster {
	return inventory.Cluster{
		Name: "edge", Provider: inventory.Provider{Proxmox: &inventory.Proxmox{}},
		SSH: inventory.SSH{
			User: "admin", Port: 22, AuthorizedKeys: []string{adminKey},
			AllowFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00:1::/64")},
		},
		Nodes: []inventory.Node{
			{Name: "node-1", Role: inventory.Server, Address: netip.MustParseAddr("10.0.0.11")},
			{Name: "node-2", Role: inventory.Agent, Address: netip.MustParseAddr("10.0.0.12")},
		},
		Network: inventory.Network{CIDR: netip.MustParsePrefix("10.0.0.0/23")},
		K3s: &inventory.K3s{
			PodCIDR: netip.MustParsePrefix("10.42.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.43.0.0/16"),
			AllowFrom: []netip.Prefix{netip.MustParsePrefix("10.0.1.8/32")},
		},
		Edge: &inventory.Edge{AllowFrom: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}},
	}
}

func testPolicy(t *testing.T) Policy {
	t.Helper()
	c := testCluster()
	p, err := NewPolicy(c, c.Nodes[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	p = p.WithServices(testServices())
	p.Profile = Strict // which is the whole catalogue
	p.Agents = fakeAgents{}
	p.Deep = true
	p.Window = 2 * time.Second
	p.Client = testClient
	return p
}

// fakeAgents are agents that need no build.
type fakeAgents struct{}

func (fakeAgents) Path(arch string) (string, error) { return "/agent-" + arch, nil }

func (fakeAgents) For(arch string) (machine.Agent, error) {
	return machine.Agent{Path: "/agent-" + arch, Content: []byte(arch)}, nil
}

// wantedTable is our table as a kernel gave it back.
func wantedTable(t *testing.T) *firewall.Table {
	t.Helper()
	content, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	var table firewall.Table
	if err := json.Unmarshal(content, &table); err != nil {
		t.Fatal(err)
	}
	return &table
}

const tableFile = "testdata/table.json"

// The fixture is what this kernel makes of the rendered ruleset. It does not
// run in parallel, so that -update is done before anybody reads.
func TestGoldenTable(t *testing.T) {
	table, err := firewall.Scratch(t.Context(), testPolicy(t).Ruleset)
	if err != nil {
		t.Skipf("making the table needs root and nft: %v", err)
	}
	if *update {
		writeJSON(t, tableFile, table)
	}
	if equal, differences := firewall.Equal(table, wantedTable(t)); !equal {
		t.Errorf("%s is not what this kernel makes of the ruleset; run with -update as root: %q", tableFile, differences)
	}
}

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	content, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(content, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// golden compares with a file that -update writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	goldenfile.Compare(t, filepath.Join("testdata", name), []byte(got), *update)
}

// hardened are the facts of a node that holds every control.
func hardened(t *testing.T, p Policy) *facts.Facts {
	t.Helper()
	f := &facts.Facts{
		Version: facts.Version,
		System:  &facts.System{Hostname: "node-1", OS: "debian", Release: "12", Arch: "amd64", BootID: "boot-1", UnixTime: 1000},
		Session: &facts.Session{User: "admin", ClientAddr: "10.0.0.5", ServerAddr: "10.0.0.11", ServerPort: 22},
		SSHD:    &facts.SSHD{Valid: true},
		Logins: []facts.Login{
			{User: "root", Keys: []facts.Key{}},
			{User: "admin", Keys: []facts.Key{{Fingerprint: adminPrint, Type: "ssh-ed25519", Bits: 256, File: "/home/admin/.ssh/authorized_keys", Line: 1}}},
		},
		Firewall: &facts.Firewall{Own: wantedTable(t), Wanted: wantedTable(t), Foreign: []string{"ip filter"}},
		Units:    map[string]facts.Unit{},
		Packages: map[string]string{},
		Sysctls:  map[string]facts.Sysctl{bridgeFilter: {Absent: true}},
		HostKeys: goodKeys(),
		Files: map[string]facts.File{
			sshdConfig:  {Exists: true, Content: "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n", Mode: 0o644},
			cloudConfig: {}, cloudDropIn: {},
			nftConfig:   {Exists: true, Content: nftConfigText, Mode: 0o755},
			nftUnitFile: {Exists: true, Content: nftUnitText, Mode: 0o644},
			rulesetFile: {Exists: true, Content: p.Ruleset, Mode: 0o600},
			sshdFiles:   {}, nftFiles: {}, // the folders were listed
		},
	}
	for _, name := range p.request().Units {
		f.Units[name] = facts.Unit{State: facts.UnitNotFound, Active: "inactive"}
	}
	f.Units[nftUnit] = facts.Unit{State: "enabled", Active: "active", ExecStart: nftStart, ExecStop: "/usr/sbin/nft delete table inet k3sedge"}
	addKernelFacts(f, p)
	addFilesystemFacts(f)
	addAccountFacts(f, p)
	addSSHFacts(f, p)
	addPackageFacts(f)
	addK3sFacts(f, p)
	addEdgeFacts(f, p)
	addFirewallFacts(f, p)
	return f
}

// include is the line by which Debian's sshd_config reads the drop-ins.
func include() facts.Origin {
	return facts.Origin{Key: "include", Value: sshdDropIns + "/*.conf", File: sshdConfig, Line: 1}
}

// stock are the facts of a Debian machine as cloud-init leaves it.
func stock(t *testing.T, p Policy) *facts.Facts {
	t.Helper()
	f := hardened(t, p)
	stockSSHD(f, p)
	f.Firewall.Own = nil
	f.Files[cloudConfig] = facts.File{Exists: true}
	f.Files[nftConfig] = facts.File{Exists: true, Content: debianNftables, Mode: 0o755}
	f.Files[nftUnitFile], f.Files[rulesetFile] = facts.File{}, facts.File{}
	f.Units[nftUnit] = facts.Unit{State: "disabled", Active: "inactive", ExecStart: nftStart, ExecStop: "/usr/sbin/nft flush ruleset"}
	f.Units["rpcbind.service"] = facts.Unit{State: "enabled", Active: "active"}
	makeKernelStock(f)
	return f
}

const debianNftables = `#!/usr/sbin/nft -f

flush ruleset

table inet filter {
	chain input {
		type filter hook input priority filter;
	}
	chain forward {
		type filter hook forward priority 0; policy accept;
	}
}
`

// clone is a deep copy, as the wire would make it.
func clone(t *testing.T, f *facts.Facts) *facts.Facts {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var out facts.Facts
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
