package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// fleet says how many nodes are looked at together and how long each may take.
type fleet struct {
	parallel int
	timeout  time.Duration // 0 for no limit
	show     bool          // the progress
	whole    bool          // the cluster too, not the machines alone
}

func (f fleet) check() error {
	switch {
	case f.parallel < 1:
		return usagef("--parallel takes a number such as 16", "--parallel %d: not above zero", f.parallel)
	case f.timeout <= 0:
		return usagef("--timeout takes a time such as 30s or 2m", "--timeout %s: not above zero", f.timeout)
	}
	return nil
}

// audited is what an audit of one node came to.
type audited struct {
	hardening.Report
	Err error
}

func anySeen(audits []audited) bool {
	return slices.ContainsFunc(audits, func(a audited) bool { return a.Err == nil })
}

// audit looks at the chosen nodes, several at the same time; the order is the
// file's. What one of them does not answer takes nothing from the others.
func (st *site) audit(ctx context.Context, f fleet) []audited {
	out := make([]audited, len(st.chosen))
	progress := newAuditProgress(st.streams, len(st.chosen))
	if f.show {
		defer progress.run()()
	}
	look := hardening.Audit
	if f.whole {
		look = st.auditWhole(ctx)
	}
	turns := make(chan struct{}, f.parallel)
	var wg sync.WaitGroup
	for i, n := range st.chosen {
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			progress.begin(n.Name)
			defer progress.end(n.Name)
			r, err := f.look(ctx, n.Name, progress, func(ctx context.Context) (hardening.Report, error) {
				return look(ctx, st.guests[n.Name], st.policies[n.Name])
			})
			r.Node = n.Name
			out[i] = audited{r, err}
			st.leave(f, n.Name)
		})
	}
	wg.Wait()
	return out
}

// leave ends the connection to a node that nobody will ask again, so that many
// nodes cost no more than those that are looked at together. Through those of
// a cluster its API is asked, too.
func (st *site) leave(f fleet, node string) {
	if f.whole && st.project.Cluster.K3s == nil {
		_ = st.guests[node].Close() // nothing is left to be lost on it
	}
}

// auditor looks at one node.
type auditor = func(ctx context.Context, target hardening.Looker, p hardening.Policy) (hardening.Report, error)

// auditWhole begins to ask the cluster, once for all nodes.
func (st *site) auditWhole(ctx context.Context) auditor {
	var api hardening.ClusterReader // which is nil where the file wants no cluster
	if st.project.Cluster.K3s != nil {
		api = st.kube()
	}
	var names []string
	var p hardening.Policy
	for _, n := range st.chosen {
		names, p = append(names, n.Name), st.policies[n.Name]
	}
	asked := hardening.LookAtCluster(ctx, api, names, p)
	return func(ctx context.Context, target hardening.Looker, p hardening.Policy) (hardening.Report, error) {
		return hardening.AuditAll(ctx, target, p, asked)
	}
}

// look asks one node within its time. An error then says for what it waited last.
func (f fleet) look(ctx context.Context, node string, progress *auditProgress, ask func(context.Context) (hardening.Report, error)) (hardening.Report, error) {
	if ctx.Err() != nil {
		return hardening.Report{}, context.Cause(ctx)
	}
	within := ctx
	if f.timeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeoutCause(ctx, f.timeout, &converge.LateError{Limit: f.timeout})
		defer cancel()
	}
	r, err := ask(converge.WithWaiting(within, func(what, cause string) { progress.waits(node, what, cause) }))
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return r, context.Cause(ctx)
	case within.Err() != nil:
		return r, machine.WithHint(fmt.Errorf("no answer, %w%s", context.Cause(within), progress.lastWait(node)), "give it longer with --timeout, or see what keeps it busy")
	}
	return r, err
}
