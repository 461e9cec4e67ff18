//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/addons"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// server is the web server in the lab's LAN that stands behind all services.
const server = "10.77.0.50:3000"

// many is the size of the large folder.
const many = 500

// benched is a cluster of two nodes and the peer that works on it.
type benched struct {
	*site
	kubectl    string
	kubeconfig string
	authority  string // the file of those who issue certificates in the cluster
}

// BenchmarkEdge measures services on a cluster of two nodes, beside kubectl
// with the same manifests. Both begin in the operator's namespace and reach
// the API through SSH; kubectl's forward stands already, k3sedge logs in anew
// each time. k3sedge also asks the server from both nodes before, and returns
// only when both answer.
func BenchmarkEdge(b *testing.B) {
	e := newBenched(b, "e2e-bench-edge")
	e.must(0, "add-service", "git", "--host", "git.lab.test", "--to", server)
	b.Run("SecondUp", e.secondUp)
	b.Run("FirstAnswer", func(b *testing.B) { e.firstAnswer(b, "few") })
	b.Run("FiveHundred", e.fiveHundred)
	b.Run("FirstAnswerAmongFiveHundred", func(b *testing.B) { e.firstAnswer(b, "many") })
	b.Run("FiveHundredByKubectl", e.fiveHundredByKubectl)
}

func newBenched(b *testing.B, name string, options ...lab.Option) benched {
	b.Helper()
	kubectl, err := filepath.Abs(filepath.Join("..", "..", "bin", "kubectl"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(kubectl); err != nil {
		b.Fatalf("no kubectl to measure beside, make bench builds it: %v", err)
	}
	e := benched{site: newEdge(b, name, options...), kubectl: kubectl}
	e.must(0, "up")
	e.kubeconfig = e.keep("kubeconfig", e.must(0, "kubeconfig").stdout)
	e.authority = e.keep("lab-ca.crt", e.onNode(0, "sudo cat /var/lib/rancher/k3s/server/issuer/lab-ca.crt"))
	e.forward(b)
	return e
}

// keep writes a file beside the project's.
func (e benched) keep(name, content string) string {
	e.t.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		e.t.Fatal(err)
	}
	return path
}

// forward holds the way to the API open that kubectl takes.
func (e benched) forward(b *testing.B) {
	b.Helper()
	args := e.sshArgs(0, "")
	cmd, _, errs := e.command(append([]string{"ssh", "-N", "-L", "6443:127.0.0.1:6443", "-o", "ExitOnForwardFailure=yes"}, args[1:len(args)-1]...)...)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone with its machine
		_ = cmd.Wait()
	})
	eventually(b, "kubectl to reach the API", time.Minute, func() bool {
		return e.kube("get", "--raw", "/readyz").code == 0
	})
	if errs.Len() > 0 {
		b.Log(errs.String())
	}
}

// kube runs kubectl to its end.
func (e benched) kube(args ...string) result {
	e.t.Helper()
	cmd, out, errs := e.command(append([]string{"env", "KUBECONFIG=" + e.kubeconfig, e.kubectl}, args...)...)
	return e.finish(cmd.Run(), out, errs)
}

func (e benched) mustKube(args ...string) {
	e.t.Helper()
	if r := e.kube(args...); r.code != 0 {
		e.t.Fatalf("kubectl %q: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
}

// with is the same cluster for a benchmark inside.
func (e benched) with(b *testing.B) benched {
	e.site = e.on(b)
	return e
}

func (e benched) secondUp(b *testing.B) {
	e = e.with(b)
	var ups []time.Duration
	for b.Loop() {
		ups = append(ups, timed(func() { e.must(0, "up") }))
	}
	report(b, figure{"ms/up", ups})
}

// firstAnswer measures from the start of a command to the first 200 through
// each node, in turns.
func (e benched) firstAnswer(b *testing.B, prefix string) {
	e = e.with(b)
	var ours, theirs []time.Duration
	for i := 0; b.Loop(); i++ {
		own, other := fmt.Sprintf("%s-own-%d", prefix, i), fmt.Sprintf("%s-kubectl-%d", prefix, i)
		b.StopTimer()
		manifests := e.keep("service.yaml", e.must(0, e.adding(other, "-o", "yaml")...).stdout)
		rest()
		b.StartTimer()
		ours = append(ours, e.untilAnswered(own, func() { e.must(0, e.adding(own)...) }))
		b.StopTimer()
		rest()
		theirs = append(theirs, e.untilAnswered(other, func() { e.mustKube("apply", "-f", manifests) }))
		b.StartTimer()
	}
	report(b, figure{"ms/add-service", ours}, figure{"ms/kubectl-apply", theirs})
}

// adding are the arguments that add a service of the form.
func (e benched) adding(name string, more ...string) []string {
	return append([]string{"add-service", name, "--host", name + ".lab.test", "--to", server, "--rate-limit", "100/s:200"}, more...)
}

// rest outlasts the pause that Traefik makes between two changes, so that no
// one pays for the change before.
func rest() { <-time.After(time.Second) }

// untilAnswered starts to ask for the service through each node, has it added,
// and returns when the last node has answered 200.
func (e benched) untilAnswered(name string, add func()) time.Duration {
	e.t.Helper()
	host := name + ".lab.test"
	took := make([]time.Duration, len(e.cluster.Nodes))
	errs := make([]error, len(took))
	var asking sync.WaitGroup
	started := time.Now()
	for i, n := range e.cluster.Nodes {
		curl := fmt.Sprintf("until curl --silent --fail --max-time 2 --output /dev/null --cacert %s --resolve %s:443:%s https://%s/; do sleep 0.03; done", e.authority, host, n.Address, host)
		cmd, _, _ := e.command("timeout", "180", "sh", "-c", curl)
		asking.Go(func() {
			errs[i] = cmd.Run()
			took[i] = time.Since(started)
		})
	}
	add()
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		e.t.Fatalf("%s does not answer: %v", host, err)
	}
	return max(took[0], took[1])
}

// upRun is one run of `up` and what it cost.
type upRun struct {
	whole, services time.Duration
	// peak is at most what the program had in memory, in KiB: a child begins
	// with the peak of who started it.
	peak int64
}

func (e benched) up() upRun {
	e.t.Helper()
	cmd, out, errs := e.start("up", "--output", "json")
	var run upRun
	run.whole = timed(func() {
		if r := e.finish(cmd.Run(), out, errs); r.code != 0 {
			e.t.Fatalf("k3sedge up: exit %d\n%s%s", r.code, r.stdout, r.stderr)
		}
	})
	run.services = e.stage(out.Bytes(), "services")
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		run.peak = usage.Maxrss
	}
	return run
}

// stage is how long a stage took, by the result in the last line.
func (e benched) stage(stdout []byte, name string) time.Duration {
	e.t.Helper()
	lines := bytes.Split(bytes.TrimSpace(stdout), []byte("\n"))
	var result struct {
		Stages []struct {
			Stage   string
			Seconds float64
		}
	}
	if err := json.Unmarshal(lines[len(lines)-1], &result); err != nil {
		e.t.Fatal(err)
	}
	for _, s := range result.Stages {
		if s.Stage == name {
			return time.Duration(s.Seconds * float64(time.Second))
		}
	}
	e.t.Fatalf("up did not come to stage %s: %s", name, lines[len(lines)-1])
	return 0
}

// fiveHundred measures a large folder: the first apply once, and then the runs
// in which nothing differs. How fast the lab issues certificates is no part of it.
func (e benched) fiveHundred(b *testing.B) {
	e = e.with(b)
	e.must(0, "up") // takes away what kubectl brought before
	for i := range many {
		name := fmt.Sprintf("svc-%d", i+1)
		e.keep(filepath.Join("services", name+".yaml"), fmt.Sprintf(
			"apiVersion: k3sedge.dev/v1alpha1\nkind: Service\nname: %s\nhost: %s.lab.test\nto: [%q]\n", name, name, server))
	}
	first := e.up()
	e.untilAnswered(fmt.Sprintf("svc-%d", many), func() {})
	rest()
	var ups, stages []time.Duration
	for b.Loop() {
		run := e.up()
		ups, stages = append(ups, run.whole), append(stages, run.services)
	}
	b.ReportMetric(float64(first.peak)/1024, "MiB/peak")
	report(b, figure{"ms/first-up", []time.Duration{first.whole}}, figure{"ms/first-stage", []time.Duration{first.services}},
		figure{"ms/up", ups}, figure{"ms/stage", stages})
}

// fiveHundredByKubectl is the same folder's manifests applied once more by
// kubectl, which takes minutes: once is enough.
func (e benched) fiveHundredByKubectl(b *testing.B) {
	e = e.with(b)
	manifests := e.manifests()
	e.mustKube("apply", "-f", manifests) // takes them over
	again := timed(func() { e.mustKube("apply", "-f", manifests) })
	for b.Loop() {
	}
	report(b, figure{"ms/kubectl-apply", []time.Duration{again}})
}

// manifests writes what the folder's services are in the cluster.
func (e benched) manifests() string {
	e.t.Helper()
	project, err := inventory.Load(filepath.Join(e.dir, "k3sedge.yaml"))
	if err != nil {
		e.t.Fatal(err)
	}
	if len(project.Services) < many {
		e.t.Fatalf("%d services in the folder, want %d", len(project.Services), many)
	}
	document, err := addons.YAML(context.Background(), addons.Config{Cluster: project.Cluster, Services: project.Services})
	if err != nil {
		e.t.Fatal(err)
	}
	return e.keep("all.yaml", string(document))
}

// figure is one row of a report.
type figure struct {
	unit  string
	times []time.Duration
}

// report tells medians, also in a line of its own: a benchmark with others
// inside has no log without -v.
func report(b *testing.B, figures ...figure) {
	b.Helper()
	line := b.Name()
	for _, f := range figures {
		ms := inMS(median(f.times))
		b.ReportMetric(ms, f.unit)
		line += fmt.Sprintf("; %s %.0f (of %d: %.0f to %.0f)", f.unit, ms, len(f.times), inMS(f.times[0]), inMS(f.times[len(f.times)-1]))
	}
	fmt.Println(line)
}
