package hardening

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// ClusterReader is the Kubernetes API as an audit sees it: it cannot change anything.
type ClusterReader interface {
	cluster.Reader
	// PreviewAs is Preview in the name of somebody else.
	PreviewAs(ctx context.Context, who cluster.Identity, o cluster.Object) ([]byte, error)
}

// clusterPatience bounds how long an API that hangs keeps the report waiting: a
// small server that has just started takes twenty seconds for all the questions.
const clusterPatience = 30 * time.Second

// ClusterLook is one look at the cluster, which goes on beside those at the
// nodes and is waited for by each of them.
type ClusterLook struct {
	done     chan struct{}
	mu       sync.Mutex // guards the rest until done is closed
	facts    facts.Cluster
	problems []facts.Problem
	asked    int
	away     []error
}

// LookAtCluster begins to ask: every list and every trial at the same time.
// api is nil where the file wants no cluster; there is nothing to ask then. p
// is the policy of any of the nodes.
func LookAtCluster(ctx context.Context, api ClusterReader, nodes []string, p Policy) *ClusterLook {
	l := &ClusterLook{done: make(chan struct{}), facts: facts.Cluster{Kubelets: map[string]facts.Kubelet{}, Trials: map[string]facts.Trial{}}}
	if api == nil {
		close(l.done)
		return l
	}
	go func() {
		defer close(l.done)
		ctx, cancel := context.WithTimeoutCause(ctx, clusterPatience, fmt.Errorf("no answer within %s", clusterPatience))
		defer cancel()
		var all sync.WaitGroup
		for _, q := range clusterQuestions(nodes) {
			all.Go(func() { l.ask(ctx, api, q) })
		}
		if servers := p.strictServers(); servers != nil {
			all.Go(func() { l.bypass(ctx, servers) })
		}
		all.Wait()
		slices.SortFunc(l.problems, func(a, b facts.Problem) int { return cmp.Compare(a.Part, b.Part) })
	}()
	return l
}

// question is one request to the API, and what becomes of its answer.
type question struct {
	part Part
	ask  func(ctx context.Context, api ClusterReader) ([]byte, error)
	keep func(c *facts.Cluster, answer []byte, err error) error
}

func (l *ClusterLook) ask(ctx context.Context, api ClusterReader, q question) {
	answer, err := q.ask(ctx, api)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if cluster.Away(err) {
		l.away = append(l.away, err)
	}
	if err := q.keep(&l.facts, answer, err); err != nil {
		l.problems = append(l.problems, facts.Problem{Part: string(q.part), Error: err.Error()})
	}
}

func (l *ClusterLook) bypass(ctx context.Context, services []EdgeService) {
	answers := bypass(ctx, services)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts.Edge.Bypass = answers
}

// into puts what the API said into a node's facts. One that answered nothing
// at all is one problem, with its cause.
func (l *ClusterLook) into(ctx context.Context, f *facts.Facts) {
	f.Cluster = nil // it is not the agent's to tell
	select {
	case <-l.done:
	case <-ctx.Done():
		f.Problems = append(f.Problems, facts.Problem{Part: string(PartCluster), Error: context.Cause(ctx).Error()})
		return
	}
	switch {
	case l.asked == 0:
	case len(l.away) == l.asked:
		f.Problems = append(f.Problems, facts.Problem{Part: string(PartCluster), Error: cause(l.away[0]).Error()})
	default:
		f.Cluster = &l.facts
		f.Problems = append(f.Problems, l.problems...)
	}
}

// cause is why the API did not answer, without the request that met it.
func cause(err error) error {
	var away *cluster.AwayError
	if errors.As(err, &away) {
		return fmt.Errorf("the Kubernetes API does not answer: %w", away.Err)
	}
	return err
}

// clusterQuestions are all that is asked of the API.
func clusterQuestions(nodes []string) []question {
	out := slices.Concat(clusterLists(), edgeLists(), clusterTrials(nodes))
	for _, n := range nodes {
		out = append(out, kubeletQuestion(n))
	}
	return out
}

// get asks for what is at a path.
func get(path string) func(context.Context, ClusterReader) ([]byte, error) {
	return func(ctx context.Context, api ClusterReader) ([]byte, error) { return api.Get(ctx, path) }
}
