package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/ssh"
)

// limit of one promise: only a broken machine reaches it, under emulation too.
const limit = 20 * time.Minute

// ErrNoPromise is a name that no promise has.
var ErrNoPromise = errors.New("no such promise")

// Run is one verification.
type Run struct {
	site    Site
	cluster inventory.Cluster
	project inventory.Project
	dir     string // of its own, for keys and the like
	began   time.Time
	about   map[string]machineFacts // as they were read last
	results []Result
	seen    looked
	added   bool // the service verify
	restart bool // all machines have been restarted
	saying  sync.Mutex
}

// looked is what was read once, and is good until something was changed.
type looked struct {
	machines  once[map[string]machineFacts]
	audit     once[audit]
	plan      once[plan]
	strangers once[[]attempt]
}

// once keeps an answer.
type once[T any] struct {
	done  bool
	value T
}

func (o *once[T]) get(ask func() (T, error)) (T, error) {
	if o.done {
		return o.value, nil
	}
	value, err := ask()
	if err == nil {
		o.done, o.value = true, value
	}
	return value, err
}

// New opens a project. Close has to be called.
func New(s Site) (*Run, error) {
	project, err := inventory.Load(s.file())
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "k3sedge-verify-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return &Run{site: s, cluster: project.Cluster, project: project, dir: dir, began: time.Now(), about: map[string]machineFacts{}}, nil
}

// Close takes away what the run has added, also after an interrupt.
func (r *Run) Close(ctx context.Context) error {
	err := os.RemoveAll(r.dir)
	if r.added {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
		defer cancel()
		r.say("take the service %s away", ourService)
		_, removed := r.k3sedge(ctx, 0, "remove-service", ourService)
		err = errors.Join(err, removed)
	}
	return err
}

// say tells what is done or waited for; several may at the same time.
func (r *Run) say(format string, args ...any) {
	r.saying.Lock()
	defer r.saying.Unlock()
	if r.site.Progress != nil {
		fmt.Fprintf(r.site.Progress, "  "+format+"\n", args...)
	}
}

// forget is called when something was changed.
func (r *Run) forget() { r.seen = looked{} }

// Check checks one promise.
func (r *Run) Check(ctx context.Context, p Promise) Result {
	began := time.Now()
	if r.site.Progress != nil {
		fmt.Fprintf(r.site.Progress, "%s: %s\n", p.Name, p.Says)
	}
	err := context.Cause(ctx)
	if err == nil {
		within, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
		defer cancel()
		if err = r.lacks(within, p); err == nil {
			err = p.check(within, r)
		}
		if cause := context.Cause(within); cause != nil && err != nil {
			err = fmt.Errorf("%w: %w", cause, errors.New(err.Error())) // whatever it seemed to be
		}
	}
	result := Result{Name: p.Name, Says: p.Says, Took: time.Since(began)}
	result.Verdict, result.Reason = verdictOf(err)
	r.results = append(r.results, result)
	if r.site.Progress != nil {
		fmt.Fprintf(r.site.Progress, "  %s after %.1f s\n", strings.TrimSpace(string(result.Verdict)+" "+result.Reason), result.Took.Seconds())
	}
	return result
}

// lacks says why a promise is left out: the first reason that there is.
func (r *Run) lacks(ctx context.Context, p Promise) error {
	repeated, n := strings.HasPrefix(p.Name, again), p.Needs
	reasons := []struct {
		applies bool
		why     string
	}{
		{n.Disturbs && !r.site.Disruptive, "it disturbs the machines, and was not asked for (--disruptive)"},
		{repeated && !r.restart, "the machines were not restarted"},
		{n.Disturbs && !repeated && r.failed() != "", r.failed() + " is not kept: nothing is disturbed before that is mended"},
		{n.Third && r.site.Third == nil, "there is no third machine to ask from (--third USER@HOST)"},
		{n.Power && r.site.Power == nil, "nobody here reaches the machines' power switch"},
		{n.Peers && len(r.cluster.Nodes) < 2, "there is one node only"},
		{n.K3s && r.cluster.K3s == nil, "the project has no k3s section"},
	}
	for _, reason := range reasons {
		if reason.applies {
			return leftOutError(reason.why)
		}
	}
	if n.VM {
		return r.needsVM(ctx)
	}
	return nil
}

func (r *Run) needsVM(ctx context.Context) error {
	machines, err := r.machines(ctx)
	if err != nil {
		return err
	}
	for _, n := range r.cluster.Nodes {
		if m := machines[n.Name]; m.container() {
			return leftOutError(fmt.Sprintf("%s is a container (%s), whose kernel and mounts are its host's", n.Name, m.Virt))
		}
	}
	return nil
}

// failed names a promise that is not kept, or could not be looked at.
func (r *Run) failed() string {
	for _, res := range r.results {
		if res.Verdict == Broken || res.Verdict == Unseen {
			return res.Name
		}
	}
	return ""
}

// told reports whether a control's finding belongs to a promise that has
// failed already, before or after the restart as p is.
func (r *Run) told(control string) bool {
	repeated := r.restart
	for _, p := range Promises() {
		if !slices.Contains(p.Controls, control) || strings.HasPrefix(p.Name, again) != repeated {
			continue
		}
		if slices.ContainsFunc(r.results, func(res Result) bool { return res.Name == p.Name && res.Verdict == Broken }) {
			return true
		}
	}
	return false
}

// All checks all promises, or those of only by name, and tells each to tell.
// reboot-all-and-again brings what is looked at after it with it. What was come
// to is in the report whatever happens; the error is one of the project or of
// clearing up, not of a promise.
func All(ctx context.Context, s Site, only []string, tell func(Result)) (report Report, err error) {
	chosen, err := choose(only)
	if err != nil {
		return report, err
	}
	r, err := New(s)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	for _, p := range chosen {
		if result := r.Check(ctx, p); tell != nil {
			tell(result)
		}
	}
	return r.Report(), nil
}

// choose finds the promises of a list of names.
func choose(only []string) ([]Promise, error) {
	all := Promises()
	if len(only) == 0 {
		return all, nil
	}
	var out []Promise
	for _, name := range only {
		if !slices.ContainsFunc(all, func(p Promise) bool { return p.Name == name }) {
			return nil, fmt.Errorf("%w: %q; k3sedge-lab verify --list shows them", ErrNoPromise, name)
		}
	}
	for _, p := range all {
		if slices.Contains(only, p.Name) || strings.HasPrefix(p.Name, again) && slices.Contains(only, "reboot-all-and-again") {
			out = append(out, p)
		}
	}
	return out, nil
}

// pins are the host keys that the project has pinned.
func (r *Run) pins() (*ssh.Pins, error) {
	return ssh.OpenPins(filepath.Join(r.site.Project, ".k3sedge", "known_hosts"))
}
