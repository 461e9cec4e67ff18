package fakehost

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// errKilled stands for the end of the program that works on the host.
var errKilled = errors.New("killed")

func upload(path string, content []byte) machine.Upload {
	return machine.Upload{
		Path: path, Mode: 0o755, Size: int64(len(content)), SHA256: sum(content),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

func TestWhatIsWrittenIsFound(t *testing.T) {
	t.Parallel()
	h := New(t)
	if err := h.WriteFile(t.Context(), machine.File{Path: "/etc/sysctl.d/90-k3sedge.conf", Content: []byte("a = 1\n"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Upload(t.Context(), upload("/var/lib/rancher/k3s/images/a.tar", []byte("images"))); err != nil {
			t.Fatal(err)
		}
	}
	a, err := h.Look(t.Context(), look.Request{Files: []look.FileQuery{
		{Path: "/etc/sysctl.d/90-k3sedge.conf", Content: true}, {Path: "/var/lib/rancher/k3s/images/a.tar"}, {Path: "/var/lib/rancher"}, {Path: "/none"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if f := a.Files["/etc/sysctl.d/90-k3sedge.conf"]; string(f.Content) != "a = 1\n" || f.Mode != 0o644 || f.SHA256 != sum(f.Content) {
		t.Errorf("got %+v", f)
	}
	if f := a.Files["/var/lib/rancher/k3s/images/a.tar"]; f.SHA256 != sum([]byte("images")) || f.Content != nil {
		t.Errorf("got %+v", f)
	}
	if !a.Files["/var/lib/rancher"].Mode.IsDir() || !a.Files["/none"].Absent {
		t.Errorf("got %+v", a.Files)
	}
	want := []string{"write /etc/sysctl.d/90-k3sedge.conf", "upload /var/lib/rancher/k3s/images/a.tar"}
	if got := h.Changes(); !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
}

func TestRefusesWhatARealHostRefuses(t *testing.T) {
	t.Parallel()
	h := New(t)
	for _, f := range []machine.File{
		{Path: "relative", Mode: 0o600}, {Path: "/tmp/../x", Mode: 0o600}, {Path: "/tmp/x"}, {Path: "/tmp/x", Mode: 0o4755},
		{Path: "/no/such/file", Mode: 0o600}, {Path: "/tmp", Mode: 0o600},
	} {
		if err := h.WriteFile(t.Context(), f); err == nil {
			t.Errorf("%q with mode %o was written", f.Path, f.Mode)
		}
	}
	torn := upload("/tmp/torn", []byte("whole"))
	torn.SHA256 = sum([]byte("other"))
	if err := h.Upload(t.Context(), torn); err == nil {
		t.Error("a damaged upload was taken")
	}
	if _, there := h.State().Files["/tmp/torn"]; there {
		t.Error("a damaged upload is in its place")
	}
	var refused *machine.DialError
	if _, err := h.Dial(t.Context(), "127.0.0.1:6443"); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	h := New(t)
	h.OnRun = func(s *State, c machine.Command) (machine.Output, error) {
		if c.String() != "systemctl start k3s.service" {
			return machine.Output{}, ErrUnknown
		}
		s.Units["k3s.service"] = Running()
		return machine.Output{}, nil
	}
	if _, err := h.Run(t.Context(), machine.Command{Argv: []string{"systemctl", "start", "k3s.service"}, Root: true}); err != nil {
		t.Fatal(err)
	}
	a, err := h.Look(t.Context(), look.Request{Units: []string{"k3s.service", "k3s-agent.service"}, Sysctls: []string{"a"}, Spaces: []string{"/"}, Dials: []look.Dial{{Address: "10.0.0.1:1", Millis: 1}}})
	if err != nil || a.Units["k3s.service"].Active != "active" || a.Units["k3s-agent.service"].Load != "not-found" {
		t.Errorf("got %+v, %v", a.Units, err)
	}
	if len(a.Sysctls) != 0 || a.Spaces["/"].Free == 0 || a.Dials[0].Outcome != look.Refused || a.Time.IsZero() {
		t.Errorf("got %+v", a)
	}
}

func TestFaultStopsBeforeTheChange(t *testing.T) {
	t.Parallel()
	h := New(t)
	h.Fault = func(n int, _ string) error {
		if n == 2 {
			return errKilled
		}
		return nil
	}
	for i, name := range []string{"/tmp/a", "/tmp/b"} {
		err := h.WriteFile(t.Context(), machine.File{Path: name, Mode: 0o600})
		if errors.Is(err, errKilled) != (i == 1) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, there := h.State().Files["/tmp/b"]; there {
		t.Error("the change that was stopped is there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Upload(ctx, upload("/tmp/c", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	h.Edit(func(s *State) { s.Down = &machine.UnreachableError{State: machine.NoRoute} })
	if _, err := h.Look(t.Context(), look.Request{}); machine.StateOf(err) != machine.NoRoute {
		t.Errorf("got %v", err)
	}
}
