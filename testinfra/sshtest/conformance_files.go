package sshtest

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// stat returns type and mode (hexadecimal), owner, group and size of a file.
func stat(t *testing.T, h machine.Host, path string) string {
	t.Helper()
	return strings.TrimSpace(run(t, h, asRoot("stat", "--format=%f %u %g %s", "--", path)))
}

// wantNoUploads fails the test if an upload was left on the host.
func wantNoUploads(t *testing.T, h machine.Host, dir string) {
	t.Helper()
	if got := run(t, h, asRoot("ls", "-A", dir)); strings.Contains(got, ".k3sedge") {
		t.Errorf("left behind in %s: %q", dir, got)
	}
	// Not those that a killed run left behind some time ago.
	find := machine.Command{Argv: []string{"find", ".", "-maxdepth", "1", "-name", ".k3sedge-*", "-mmin", "-3"}}
	Eventually(t, "the login user's home is clean", func() bool { return run(t, h, find) == "" })
}

func (s suite) write(t *testing.T) {
	h := s.host(t)
	dir := scratch(t, h)
	for _, f := range []struct {
		name string
		file machine.File
		stat string
	}{
		{"small", machine.File{Path: dir + "/small", Content: []byte("a\n"), Mode: 0o644}, "81a4 0 0 2"},
		{"empty", machine.File{Path: dir + "/empty", Mode: 0o600}, "8180 0 0 0"},
		{"large", machine.File{Path: dir + "/large", Content: bytes.Repeat([]byte("0123456789abcde\n"), 3<<16), Mode: 0o755}, "81ed 0 0 3145728"},
		{"odd name", machine.File{Path: dir + "/it's $HOME\n*", Content: []byte("\x00\xff"), Mode: 0o640}, "81a0 0 0 2"},
	} {
		if err := h.WriteFile(t.Context(), f.file); err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		if got := stat(t, h, f.file.Path); got != f.stat {
			t.Errorf("%s: got %s, want %s", f.name, got, f.stat)
		}
		if got := run(t, h, asRoot("cat", f.file.Path)); got != string(f.file.Content) {
			t.Errorf("%s: %d bytes, want %d, or they differ", f.name, len(got), len(f.file.Content))
		}
	}
	wantNoUploads(t, h, dir)
}

// replace reads the file on the host all the time while it is replaced.
func (s suite) replace(t *testing.T) {
	h := s.host(t)
	dir := scratch(t, h)
	write := func(size int) {
		t.Helper()
		f := machine.File{Path: dir + "/file", Content: bytes.Repeat([]byte("x"), size), Mode: 0o644}
		if err := h.WriteFile(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
	const small, large = 100_000, 700_000
	write(small)
	sizes := make(chan string, 1)
	reader := asRoot("sh", "-c", `while ! [ -e "$1/stop" ]; do cat "$1/file" | wc -c; : >"$1/reading"; done | sort -u`, "sh", dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		out, err := h.Run(ctx, reader)
		if err != nil {
			t.Error(err)
		}
		sizes <- strings.TrimSpace(string(out.Stdout))
	}()
	Eventually(t, "somebody reads", func() bool {
		_, err := h.Run(t.Context(), asRoot("test", "-e", dir+"/reading"))
		return err == nil
	})
	for range 3 {
		write(large)
		write(small)
	}
	run(t, h, asRoot("touch", dir+"/stop"))
	for size := range strings.FieldsSeq(<-sizes) {
		if size != "100000" && size != "700000" {
			t.Errorf("a reader saw %s bytes", size)
		}
	}
}

func (s suite) writeOverLink(t *testing.T) {
	h := s.host(t)
	dir := scratch(t, h)
	run(t, h, asRoot("sh", "-c", `echo keep >"$1/target"; ln -s target "$1/link"; mkdir "$1/dir"`, "sh", dir))
	if err := h.WriteFile(t.Context(), machine.File{Path: dir + "/link", Content: []byte("new"), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	if got := run(t, h, asRoot("cat", dir+"/target", dir+"/link")); got != "keep\nnew" {
		t.Errorf("target and file have %q", got)
	}
	if err := h.WriteFile(t.Context(), machine.File{Path: dir + "/dir", Content: []byte("new"), Mode: 0o600}); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if got := run(t, h, asRoot("ls", "-A", dir+"/dir")); got != "" {
		t.Errorf("the directory now has %q", got)
	}
	wantNoUploads(t, h, dir)
}

func (s suite) writeFails(t *testing.T) {
	h := s.host(t)
	dir := scratch(t, h)
	err := h.WriteFile(t.Context(), machine.File{Path: dir + "/no/such/file", Content: []byte("secret content"), Mode: 0o600})
	exit := wantExit(t, err, 1)
	if !strings.Contains(exit.Stderr, dir+"/no/such") {
		t.Errorf("stderr %q does not say what is missing", exit.Stderr)
	}
	if shown := err.Error() + exit.Stderr; strings.Contains(shown, "secret content") {
		t.Errorf("the content is in %q", shown)
	}
	wantNoUploads(t, h, dir)
}

func (s suite) writeRefused(t *testing.T) {
	h := s.host(t)
	for _, f := range []machine.File{
		{Mode: 0o600}, {Path: "relative", Mode: 0o600}, {Path: "/", Mode: 0o600}, {Path: "/tmp/../tmp/x", Mode: 0o600},
		{Path: "/tmp/k3sedge-no-mode"}, {Path: "/tmp/k3sedge-setuid", Mode: 0o4755}, {Path: "/tmp/a\x00b", Mode: 0o600},
	} {
		if err := h.WriteFile(t.Context(), f); err == nil {
			t.Errorf("%q with mode %o was written", f.Path, f.Mode)
		}
	}
}

func (s suite) place(t *testing.T) {
	h := s.host(t)
	p, ok := h.(machine.Placer)
	if !ok {
		t.Skip("not a Placer")
	}
	dir := scratch(t, h)
	// The login user has to be able to look at the agent's file.
	run(t, h, asRoot("chmod", "0755", dir))
	agent := machine.Agent{Path: dir + "/lib/k3sedge/node-0123", Content: []byte("#!/bin/sh\necho agent \"$@\"\n")}
	var inode string
	for i := range 2 {
		if err := p.Place(t.Context(), agent); err != nil {
			t.Fatal(err)
		}
		now := run(t, h, asRoot("stat", "--format=%i %Y", agent.Path))
		if i > 0 && now != inode {
			t.Error("it was placed again")
		}
		inode = now
	}
	if got := stat(t, h, agent.Path); got != "81ed 0 0 26" {
		t.Errorf("got %s", got)
	}
	if got := stat(t, h, dir+"/lib/k3sedge"); !strings.HasPrefix(got, "41ed 0 0 ") {
		t.Errorf("its directory is %s", got)
	}
	out, err := h.Query(t.Context(), machine.NodeFacts(agent.Path, nil))
	if err != nil || string(out.Stdout) != "agent facts\n" {
		t.Errorf("it answers %q, %v", out.Stdout, err)
	}
}

func (s suite) placeMends(t *testing.T) {
	h := s.host(t)
	p, ok := h.(machine.Placer)
	if !ok {
		t.Skip("not a Placer")
	}
	dir := scratch(t, h)
	run(t, h, asRoot("chmod", "0755", dir))
	agent := machine.Agent{Path: dir + "/node-0123", Content: []byte("#!/bin/sh\n")}
	for _, spoil := range []string{`chmod 0777 "$1"`, `echo more >>"$1"`, `rm "$1"; ln -s /bin/true "$1"`} {
		if err := p.Place(t.Context(), agent); err != nil {
			t.Fatal(err)
		}
		run(t, h, asRoot("sh", "-c", spoil, "sh", agent.Path))
		if err := p.Place(t.Context(), agent); err != nil {
			t.Fatalf("%s: %v", spoil, err)
		}
		if got := stat(t, h, agent.Path); got != "81ed 0 0 10" {
			t.Errorf("after %s: %s", spoil, got)
		}
	}
}
