package k3s

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/testinfra/fakehost"
)

func TestDiffers(t *testing.T) {
	t.Parallel()
	want := machine.File{Path: "/etc/x", Content: []byte("x"), Mode: 0o600}
	is := look.File{Mode: 0o600, SHA256: sum(want.Content)}
	for name, tc := range map[string]struct {
		is   func(f *look.File)
		have string
	}{
		"same":          {func(*look.File) {}, ""},
		"absent":        {func(f *look.File) { *f = look.File{Absent: true} }, "absent"},
		"other content": {func(f *look.File) { f.SHA256 = sum(nil) }, "other content"},
		"no sum":        {func(f *look.File) { f.SHA256 = "" }, "other content"},
		"mode":          {func(f *look.File) { f.Mode = 0o644 }, "mode 0644 of user 0"},
		"owner":         {func(f *look.File) { f.UID = 1000 }, "mode 0600 of user 1000"},
		"a folder":      {func(f *look.File) { f.Mode = fs.ModeDir | 0o600 }, "no file: drw-------"},
		"a link":        {func(f *look.File) { f.Mode = fs.ModeSymlink | 0o777 }, "no file: Lrwxrwxrwx"},
	} {
		f := is
		tc.is(&f)
		s := &seen{Answer: look.Answer{Files: map[string]look.File{"/etc/x": f}}}
		changes, err := s.differs(want)
		if have := ""; err != nil || len(changes) > 1 {
			t.Errorf("%s: %v, %v", name, changes, err)
		} else if len(changes) == 1 {
			have = changes[0].Have
			if have != tc.have {
				t.Errorf("%s: %q", name, have)
			}
		} else if tc.have != "" {
			t.Errorf("%s: no difference", name)
		}
	}
	for name, files := range map[string]map[string]look.File{"nothing": nil, "an error": {"/etc/x": {Err: "input/output error"}}} {
		if changes, err := (&seen{Answer: look.Answer{Files: files}}).differs(want); !errors.Is(err, errNotTold) || changes != nil {
			t.Errorf("%s: %v, %v", name, changes, err)
		}
	}
}

// What somebody changed on a node is told by its name and set right.
func TestWhatWasEditedIsSetRight(t *testing.T) {
	chmod := func(path string, mode fs.FileMode) func(s *fakehost.State) {
		return func(s *fakehost.State) {
			f := s.Files[path]
			f.Mode = f.Mode.Type() | mode
			s.Files[path] = f
		}
	}
	images := imagesPath("k3s-airgap-images-amd64.tar.zst")
	for name, tc := range map[string]struct {
		edit func(s *fakehost.State)
		step string
		told string
	}{
		"config.yaml may be read": {chmod(configPath, 0o644), "k3s/config", "mode 0644 of user 0"},
		"config.yaml has more": {func(s *fakehost.State) {
			s.Put(configPath, append(s.Files[configPath].Content, "debug: true\n"...), 0o600)
		}, "k3s/config", "{ID:debug"},
		"the logs may be read":     {chmod(logsDir, 0o755), "k3s/logs", "drwxr-xr-x"},
		"the logs are gone":        {func(s *fakehost.State) { delete(s.Files, logsDir) }, "k3s/logs", "absent"},
		"the binary may be run by": {chmod(binaryPath, 0o777), "k3s/binary", "-rwxrwxrwx of user 0"},
		"the binary is another":    {func(s *fakehost.State) { s.Put(binaryPath, []byte("x"), 0o755) }, "k3s/binary", "another one, " + sum([]byte("x"))},
		"images are cut off":       {func(s *fakehost.State) { s.Put(images, []byte("x"), 0o600) }, "k3s/images", "1 bytes"},
		"images are gone":          {func(s *fakehost.State) { delete(s.Files, images) }, "k3s/images", "absent"},
		"the audit policy":         {func(s *fakehost.State) { s.Put(auditPath, nil, 0o600) }, "k3s/policies", auditPath},
		"the manifest is gone":     {func(s *fakehost.State) { delete(s.Files, manifestsDir+"/traefik-config.yaml") }, "k3s/manifests", "absent"},
		"the unit is not enabled": {func(s *fakehost.State) {
			u := s.Units[serverUnit]
			u.File = "disabled"
			s.Units[serverUnit] = u
		}, "k3s/running", "disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.mustUp()
				before := w.hosts["edge-1"].State()
				w.hosts["edge-1"].Edit(tc.edit)
				w.log = eventLog{}
				if r, err := w.plan(); err != nil || r.Differs != 1 || !strings.Contains(w.log.text(), tc.step+" step-differs") || !strings.Contains(w.log.text(), tc.told) {
					t.Errorf("%+v, %v: %s", r, err, w.log.text())
				}
				w.forget()
				if r := w.mustUp(); r.Changed != 1 {
					t.Errorf("%+v", r)
				}
				if slices.ContainsFunc(w.changes(), func(c string) bool { return strings.Contains(c, "restart") }) {
					t.Errorf("restarted: %q", w.changes())
				}
				after := w.hosts["edge-1"].State()
				for path, f := range before.Files {
					if g := after.Files[path]; g.Mode != f.Mode || string(g.Content) != string(f.Content) {
						t.Errorf("%s is %v %q", path, g.Mode, g.Content)
					}
				}
			})
		})
	}
}

// K3s itself is far larger than all else that a look reads.
func TestTheBinaryIsReadOncePerChange(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustUp()
		sums, there := 0, false
		for _, r := range w.hosts["edge-1"].Looks() {
			for _, q := range r.Files {
				if q.Path == binaryPath && !q.NoSum {
					sums++
				}
				there = there || q.Path == binaryPath && q.NoSum
			}
		}
		if sums > 3 || !there { // absent, and once more behind the upload
			t.Errorf("its sum was asked for %d times; presence alone: %t", sums, there)
		}
		v := newSite(w.c, w.looks(), w.api()).views[0]
		sumNow := func() string {
			t.Helper()
			v.forget()
			now, err := v.seen(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return now.Files[binaryPath].SHA256
		}
		before := sumNow()
		content := slices.Clone(w.hosts["edge-1"].State().Files[binaryPath].Content)
		content[0]++ // of the same size
		w.hosts["edge-1"].Edit(func(s *fakehost.State) { s.Put(binaryPath, content, 0o755) })
		if after := sumNow(); after == before || after != sum(content) || sumNow() != after {
			t.Errorf("the sum is %s, before it was %s", after, before)
		}
		w.hosts["edge-1"].Edit(func(s *fakehost.State) { delete(s.Files, binaryPath) })
		if sumNow() != "" {
			t.Error("what is gone has a sum")
		}
	})
}

func TestUploadsTellHowFarTheyAre(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustUp()
		for _, want := range []string{"k3s/binary step-waiting k3s to arrive (0 of 1 MiB)", "k3s/images step-waiting k3s-airgap-images-amd64.tar.zst to arrive"} {
			if !strings.Contains(w.log.text(), want) {
				t.Errorf("no %q", want)
			}
		}
	})
}

// A file that is not what its checksum says stays out of its place.
func TestADamagedFileIsNotBrought(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		files, err := w.c.Files(t.Context(), "amd64")
		if err != nil {
			t.Fatal(err)
		}
		files.Binary.SHA256 = sum([]byte("another"))
		w.c.Files = func(context.Context, string) (release.Files, error) { return files, nil }
		if _, err := w.up(); err == nil || !strings.Contains(err.Error(), "k3s/binary") {
			t.Errorf("got %v", err)
		}
		if _, there := w.hosts["edge-1"].State().Files[binaryPath]; there {
			t.Error("it is in its place")
		}
	})
}

// A plan may not know yet how large a file is, and a release may have no images.
func TestReleasesThatAreNotWholeYet(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		whole, err := w.c.Files(t.Context(), "amd64")
		if err != nil {
			t.Fatal(err)
		}
		planned := whole
		planned.Binary.Size, planned.Images.Size = 0, 0
		w.c.Files = func(context.Context, string) (release.Files, error) { return planned, nil }
		if r, err := w.plan(); err != nil || r.Unknown != 0 || !strings.Contains(w.log.text(), "k3s/images step-differs") {
			t.Errorf("%+v, %v", r, err)
		}
		bare := whole
		bare.Images = release.File{}
		w.c.Files = func(context.Context, string) (release.Files, error) { return bare, nil }
		w.mustUp()
		if _, there := w.hosts["edge-1"].State().Files[imagesPath(whole.Images.Name)]; there {
			t.Error("images out of nothing")
		}
	})
}

func TestAReleaseThatIsNotThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		gone := errors.New("no network")
		asked := 0
		w.c.Files = func(context.Context, string) (release.Files, error) {
			asked++
			return release.Files{}, gone
		}
		if _, err := w.up(); !errors.Is(err, gone) || len(w.changes()) != 0 || asked != 2 {
			t.Errorf("%v, asked %d times: %q", err, asked, w.changes())
		}
	})
}

func TestServerOf(t *testing.T) {
	t.Parallel()
	c := inventory.Cluster{Nodes: []inventory.Node{{Name: "a", Role: inventory.Agent}, {Name: "b", Role: inventory.Server}, {Name: "c", Role: inventory.Server}}}
	if n, ok := ServerOf(c); !ok || n.Name != "b" {
		t.Errorf("got %v, %v", n, ok)
	}
	if n, ok := ServerOf(inventory.Cluster{Nodes: c.Nodes[:1]}); ok {
		t.Errorf("got %v", n)
	}
}

// An agent that finds no token says so, instead of joining with none.
func TestAnAgentWithoutATokenToJoinBy(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, inventory.Agent)
		w.mustUp()
		w.hosts["edge-1"].Edit(func(s *fakehost.State) { delete(s.Files, agentTokenPath) })
		_, err := w.up()
		if err == nil || !strings.Contains(err.Error(), "edge-1 has no token for others to join with") || !strings.Contains(hintOf(err), "systemctl status k3s.service") {
			t.Errorf("got %v, hint %q", err, hintOf(err))
		}
		if w.token("edge-2") == "" {
			t.Error("the token that it had is gone")
		}
	})
}

// A node waits for another that is down, and no longer than the run.
func TestTakeTurn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSite(Config{}, nil, nil)
		h := &hands{view: &view{site: s}}
		leave, err := h.takeTurn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errAway)
		if _, err := h.takeTurn(ctx); !errors.Is(err, errAway) {
			t.Errorf("got %v", err)
		}
		go leave()
		leave, err = h.takeTurn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leave()
	})
}

// TestAddedImages: what the bundle has beside K3s' own images goes to the same
// place, alone where the others are there.
func TestAddedImages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustUp()
		files, err := w.c.Files(t.Context(), "amd64")
		if err != nil {
			t.Fatal(err)
		}
		files.Added = files.Images
		files.Added.Name = "k3sedge-images-amd64.tar.zst"
		w.c.Files = func(context.Context, string) (release.Files, error) { return files, nil }
		path := imagesPath(files.Added.Name)
		if r, err := w.plan(); err != nil || r.Differs != 1 || !strings.Contains(w.log.text(), "step-differs   [{ID:"+path+" Have:absent") {
			t.Errorf("plan: %+v, %v\n%s", r, err, w.log.text())
		}
		w.mustUp()
		if f, there := w.hosts["edge-1"].State().Files[path]; !there || f.Mode.Perm() != 0o600 {
			t.Errorf("%+v, %v", f, there)
		}
		if r, err := w.plan(); err != nil || r.Differs != 0 {
			t.Errorf("again: %+v, %v", r, err)
		}
	})
}
