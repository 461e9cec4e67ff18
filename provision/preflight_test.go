package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// granted is an Access that has exactly what the SetupLines give.
func granted(p inventory.Proxmox, version int) fakepve.Access {
	a := fakepve.Access{
		Users: []string{"k3sedge@pve"}, Pools: []string{"k3sedge"}, Roles: map[string][]string{},
		Tokens: []fakepve.Token{{ID: fakepve.TestToken, Secret: fakepve.TestSecret, PrivSep: true}},
	}
	for _, line := range SetupLines(p, version) {
		words := strings.Fields(strings.NewReplacer(`"`, "", "'", "").Replace(line))
		switch strings.Join(words[:3], " ") {
		case "pveum role add":
			a.Roles[words[3]] = words[5:]
		case "pveum acl modify":
			a.Grants = append(a.Grants, fakepve.Grant{Path: words[3], Role: words[5], Who: words[7]}, fakepve.Grant{Path: words[3], Role: words[5], Who: words[9]})
		}
	}
	return a
}

// TestSetupLinesAreEnough runs all of `up` and `down` with the rights that
// README tells to give, and no others.
func TestSetupLinesAreEnough(t *testing.T) {
	t.Parallel()
	for _, version := range []int{8, 9} {
		p := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
		p.Token.ID = fakepve.TestToken
		w := newWorld(t, fakepve.Options{Major: version, Access: granted(*p, version)})
		if err := w.proxmox().Preflight(t.Context()); err != nil {
			t.Fatalf("version %d: %v\n%s", version, err, hintOf(err))
		}
		w.mustUp()
		w.mustUp()
		doomed, err := w.proxmox().DestroyPlan(t.Context())
		if err != nil || len(doomed) != 2 {
			t.Fatalf("version %d: %v, %v", version, doomed, err)
		}
		if err := w.proxmox().Destroy(t.Context(), nil, &events{}, doomed); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
	}
}

// TestEachMissingPrivilegeIsFound takes away each privilege in turn.
func TestEachMissingPrivilegeIsFound(t *testing.T) {
	t.Parallel()
	sample := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
	for _, version := range []int{8, 9} {
		for _, g := range grants(*sample, version) {
			for _, privilege := range g.privileges {
				access := granted(*sample, version)
				access.Roles[g.role] = slices.DeleteFunc(slices.Clone(g.privileges), func(p string) bool { return p == privilege })
				w := newWorld(t, fakepve.Options{Major: version, Access: access})
				err := w.proxmox().Preflight(t.Context())
				var lacks *MissingPrivilegesError
				if !errors.As(err, &lacks) || len(lacks.Missing) != 1 || lacks.Missing[0].Path != g.path || !slices.Equal(lacks.Missing[0].Privileges, []string{privilege}) {
					t.Fatalf("version %d without %s on %s: %v", version, privilege, g.path, err)
				}
				for _, want := range []string{"pveum role add " + g.role, privilege, "pveum acl modify " + g.path, "--tokens '" + fakepve.TestToken + "'"} {
					if !strings.Contains(hintOf(err), want) {
						t.Errorf("hint lacks %q:\n%s", want, hintOf(err))
					}
				}
			}
		}
	}
}

func TestTokenWithoutAnyRight(t *testing.T) {
	t.Parallel()
	sample := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
	access := granted(*sample, 9)
	access.Grants = slices.DeleteFunc(access.Grants, func(g fakepve.Grant) bool { return strings.Contains(g.Who, "!") })
	w := newWorld(t, fakepve.Options{Access: access})
	err := w.proxmox().Preflight(t.Context())
	var lacks *MissingPrivilegesError
	if !errors.As(err, &lacks) || len(lacks.Missing) != len(grants(*sample, 9)) {
		t.Errorf("%v", err)
	}
	if strings.Contains(hintOf(err), "VM.Monitor") {
		t.Error("version 9 is told a privilege that it refuses")
	}
}

// TestAWrongNameLooksLikeAMissingRight: to a token with just the rights that
// README lists, what does not exist and what it may not see are the same.
func TestAWrongNameLooksLikeAMissingRight(t *testing.T) {
	t.Parallel()
	sample := newWorld(t, fakepve.Options{}).cluster.Provider.Proxmox
	access := granted(*sample, 9)
	for key, mistype := range map[string]func(*inventory.Proxmox){
		"node":          func(p *inventory.Proxmox) { p.Node = "pvee" },
		"pool":          func(p *inventory.Proxmox) { p.Pool = "k3sedgee" },
		"bridge":        func(p *inventory.Proxmox) { p.Bridge = "vmbr7" },
		"storage.disks": func(p *inventory.Proxmox) { p.Storage.Disks = "local-lmv" },
		"storage.iso":   func(p *inventory.Proxmox) { p.Storage.ISO = "lokal" },
		"storage.image": func(p *inventory.Proxmox) { p.Storage.Image = "lokal" },
	} {
		w := newWorld(t, fakepve.Options{Access: access})
		mistype(w.cluster.Provider.Proxmox)
		err := w.proxmox().Preflight(t.Context())
		if want := "\nor is the name wrong? See provider.proxmox." + key; !strings.HasSuffix(hintOf(err), want) {
			t.Errorf("%s: %v\nhint: %s", key, err, hintOf(err))
		}
	}
	access.Roles["K3sEdgeNode"] = []string{"Sys.Audit"}
	if err := newWorld(t, fakepve.Options{Access: access}).proxmox().Preflight(t.Context()); err == nil || strings.Contains(hintOf(err), "name wrong") {
		t.Errorf("a name is doubted where some rights are there: %v (%s)", err, hintOf(err))
	}
}

func TestPreflightTrouble(t *testing.T) {
	t.Parallel()
	gib := int64(inventory.GiB)
	storage := func(local, lvm fakepve.Storage) fakepve.Options {
		return fakepve.Options{Storages: []fakepve.Storage{local, lvm}}
	}
	local := fakepve.Storage{ID: "local", Type: "dir", Content: []string{"iso", "import"}, Total: 100 * gib}
	lvm := fakepve.Storage{ID: "local-lvm", Type: "lvmthin", Content: []string{"images"}, Total: 100 * gib}
	noImport, full, thick := local, lvm, lvm
	noImport.Content = []string{"iso"}
	full.Taken = full.Total - 2*gib
	thick.Type, thick.Total = "lvm", 30*gib
	tests := []struct {
		name    string
		options fakepve.Options
		bring   func(*inventory.Proxmox)
		want    []string
	}{
		{"storage without import", storage(noImport, lvm), nil, []string{"local", "import", "pvesm set local --content iso,import", "provider.proxmox.storage.image"}},
		{"full storage", storage(local, full), nil, []string{"local-lvm", "2048 MiB free", "provider.proxmox.storage.disks"}},
		{"thick storage too small for all disks", storage(local, thick), nil, []string{"40960 MiB"}},
		{"no such storage", fakepve.Options{}, func(p *inventory.Proxmox) { p.Storage.Disks = "tank" }, []string{"tank", "provider.proxmox.storage.disks"}},
		{"no such bridge", fakepve.Options{}, func(p *inventory.Proxmox) { p.Bridge = "vmbr7" }, []string{"vmbr7", "vmbr0", "provider.proxmox.bridge"}},
		{"wrong pin", fakepve.Options{}, func(p *inventory.Proxmox) { p.TLSPin = "sha256/" + strings.Repeat("A", 43) + "=" }, []string{"sha256/AAAA", "tlsPin"}},
		{"wrong token", fakepve.Options{}, func(p *inventory.Proxmox) { p.Token.ID = "k3sedge@pve!other" }, []string{"401", "provider.proxmox.token"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.options)
			if tt.bring != nil {
				tt.bring(w.cluster.Provider.Proxmox)
			}
			err := w.proxmox().Preflight(t.Context())
			wantTrouble(t, err, tt.want)
			noSecretOf(t, err, fakepve.TestSecret)
		})
	}
}

func TestFullStorageDoesNotStopWhatIsMade(t *testing.T) {
	t.Parallel()
	gib := int64(inventory.GiB)
	w := newWorld(t, fakepve.Options{Storages: []fakepve.Storage{
		{ID: "local", Type: "dir", Content: []string{"iso", "import"}, Total: 100 * gib},
		{ID: "local-lvm", Type: "lvm", Content: []string{"images"}, Total: 41 * gib},
	}})
	w.mustUp()
	if err := w.proxmox().Preflight(t.Context()); err != nil {
		t.Error(err)
	}
}

type fixedVersion struct {
	AccessReader
	text string
}

// Version is fixed.
func (f fixedVersion) Version(context.Context) (string, error) { return f.text, nil }

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"8.2.4": 8, "9.0.3": 9, "9.1": 9, "7.4-3": 0, "10.0": 0, "": 0, "x.y": 0, "99999999999999999999.1": 0} {
		got, err := supportedVersion(t.Context(), fixedVersion{text: text})
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

// TestDeniedGrantsWhereTheOtherRightsAre: in Proxmox a role on a path takes
// the place of those that hold above it.
func TestDeniedGrantsWhereTheOtherRightsAre(t *testing.T) {
	t.Parallel()
	const vm, template, storage = "Permission check failed (/vms/9000, VM.PowerMgmt)", "Permission check failed (/vms/8000, VM.Clone)", "Permission check failed (/storage/local, Datastore.AllocateSpace|Datastore.Audit)"
	for _, tc := range []struct{ pool, message, want string }{
		{"", vm, "pveum acl modify /vms --roles"},
		{"edge", vm, "pveum acl modify /pool/edge --roles"},
		{"", template, "pveum acl modify /vms/8000 --roles"},
		{"edge", template, "pveum acl modify /vms/8000 --roles"},
		{"edge", storage, "pveum acl modify /storage/local --roles"},
	} {
		hint := deniedHint(inventory.Proxmox{Pool: tc.pool, Template: 8000, Token: inventory.Token{ID: "k3sedge@pve!t"}}, tc.message)
		if !strings.Contains(hint, tc.want) {
			t.Errorf("pool %q, %s: %q is not in %s", tc.pool, tc.message, tc.want, hint)
		}
	}
}
