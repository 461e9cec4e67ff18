//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// site is a lab with one project in it.
type site struct {
	t       testing.TB
	lab     *lab.Lab
	program string // k3sedge
	dir     string
	secrets []string // that no output may hold, beside the token and keys
	cluster inventory.Cluster
}

// newLab brings up a lab of the test's own and takes it down at its end.
func newLab(t testing.TB, name string, options ...lab.Option) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of -short: the end-to-end tests boot machines")
	}
	if err := lab.Able(); err != nil {
		t.Skipf("left out: %v", err)
	}
	bin, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Open(name, append(options, lab.WithProgram(filepath.Join(bin, "k3sedge-lab")), lab.WithProgress(logWriter{t}))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := l.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, lab: l, program: filepath.Join(bin, "k3sedge")}
	s.newProject()
	return s
}

// newEdge is a lab whose projects install K3s from the bundle.
func newEdge(t testing.TB, name string, options ...lab.Option) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of -short: the end-to-end tests boot machines")
	}
	bundle, err := filepath.EvalSymlinks(filepath.Join("..", "..", "bin", "bundle"))
	if err != nil {
		t.Fatalf("no K3s for the lab, make bundle: %v", err)
	}
	if bundle, err = filepath.Abs(bundle); err != nil {
		t.Fatal(err)
	}
	return newLab(t, name, append(options, lab.WithBundle(bundle))...)
}

// on is the same site for a subtest.
func (s *site) on(t testing.TB) *site {
	other := *s
	other.t = t
	return &other
}

// newProject begins a project with a cluster ID and keys of its own.
func (s *site) newProject() {
	s.t.Helper()
	s.dir = s.t.TempDir()
	cluster, err := s.lab.Project(s.t.Context(), s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cluster = cluster
}

// logWriter hands the lab's progress to the test's log.
type logWriter struct{ t testing.TB }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
}

// start begins k3sedge in the lab, as the operator.
func (s *site) start(args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	s.t.Helper()
	return s.command(append([]string{s.program}, append(args, "--file", filepath.Join(s.dir, "k3sedge.yaml"))...)...)
}

func (s *site) command(argv ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	s.t.Helper()
	cmd, err := s.lab.Command(s.t.Context(), argv...)
	if err != nil {
		s.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	return cmd, &out, &errs
}

// k3sedge runs the program to its end.
func (s *site) k3sedge(args ...string) result {
	s.t.Helper()
	cmd, out, errs := s.start(args...)
	return s.finish(cmd.Run(), out, errs)
}

func (s *site) finish(err error, out, errs *bytes.Buffer) result {
	s.t.Helper()
	r := result{stdout: out.String(), stderr: errs.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.code = exit.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	s.refuseSecrets(r)
	return r
}

// refuseSecrets fails the test when an output holds the token or a private key.
func (s *site) refuseSecrets(r result) {
	s.t.Helper()
	token, err := os.ReadFile(filepath.Join(s.dir, "proxmox-token"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, secret := range append([]string{strings.TrimSpace(string(token)), "PRIVATE KEY"}, s.secrets...) {
		if secret != "" && strings.Contains(r.stdout+r.stderr, secret) {
			s.t.Errorf("a secret is in the output:\n%s%s", r.stdout, r.stderr)
		}
	}
}

// must runs the program and wants an exit code.
func (s *site) must(code int, args ...string) result {
	s.t.Helper()
	r := s.k3sedge(args...)
	if r.code != code {
		s.t.Fatalf("k3sedge %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// ssh runs a shell command on a node with OpenSSH and the pins that k3sedge keeps.
func (s *site) ssh(node int, script string) result {
	s.t.Helper()
	// A login that a change of the firewall cuts off in the middle ends within seconds too.
	argv := slices.Insert(s.sshArgs(node, script), 1, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=3")
	cmd, out, errs := s.command(argv...)
	return s.finish(cmd.Run(), out, errs)
}

func (s *site) sshArgs(node int, script string) []string {
	return []string{"ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile=" + filepath.Join(s.dir, ".k3sedge", "known_hosts"), "-i", filepath.Join(s.dir, "id_ed25519"),
		s.cluster.SSH.User + "@" + s.cluster.Nodes[node].Address.String(), script}
}

// onNode is ssh that has to succeed.
func (s *site) onNode(node int, script string) string {
	s.t.Helper()
	r := s.ssh(node, script)
	if r.code != 0 {
		s.t.Fatalf("on %s: %s: exit %d\n%s%s", s.cluster.Nodes[node].Name, script, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// vms are the names of the VMs that the stand-in has.
func (s *site) vms() []string {
	s.t.Helper()
	status, err := s.lab.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, m := range status.Machines {
		names = append(names, m.Name)
	}
	return names
}

// fault switches a fault of the stand-in on until the subtest ends.
func (s *site) fault(t *testing.T, faults ...fakepve.Fault) {
	t.Helper()
	text, err := json.Marshal(faults)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.lab.Fault(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.lab.ClearFaults(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// writes are the requests to the stand-in that change something.
func (s *site) writes() []string {
	s.t.Helper()
	calls, err := s.lab.Calls(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if len(calls) == 0 {
		s.t.Fatal("the stand-in was not asked at all: this would pass on nothing")
	}
	var out []string
	for _, c := range calls {
		if c.Method != "GET" {
			out = append(out, c.Method+" "+c.Path)
		}
	}
	return out
}

// edit changes k3sedge.yaml by a regular expression that has to match.
func (s *site) edit(t testing.TB, pattern, replacement string) {
	t.Helper()
	path := filepath.Join(s.dir, "k3sedge.yaml")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	if !re.Match(old) {
		t.Fatalf("%s does not match %s in\n%s", pattern, path, old)
	}
	if err := os.WriteFile(path, re.ReplaceAll(old, []byte(replacement)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, old, 0o600); err != nil {
			t.Error(err)
		}
	})
}

// failing are the controls that fail on a node, by `harden --check`.
func (s *site) failing(code int) map[string]bool {
	s.t.Helper()
	r := s.must(code, "harden", "--check", "--format", "json")
	var doc struct {
		Nodes []struct {
			Node     string
			Findings []hardening.Finding
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		s.t.Fatalf("harden --check --format json: %v\n%s", err, r.stdout)
	}
	if len(doc.Nodes) != len(s.cluster.Nodes) {
		s.t.Fatalf("the report has %d nodes, want %d", len(doc.Nodes), len(s.cluster.Nodes))
	}
	failing := map[string]bool{}
	for _, n := range doc.Nodes {
		if len(n.Findings) < 17 {
			s.t.Fatalf("%s: %d findings, want the whole slice of 17", n.Node, len(n.Findings))
		}
		for _, f := range n.Findings {
			if f.Status == hardening.Fail {
				failing[n.Node+" "+f.ID] = true
			}
		}
	}
	return failing
}

// eventually waits for a condition, with a limit that only a broken system reaches.
func eventually(t testing.TB, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal(fmt.Errorf("%s: not within %s", what, limit))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
