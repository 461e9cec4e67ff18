package addons

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func TestForeign(t *testing.T) {
	t.Parallel()
	template := map[string]any{"spec": map[string]any{"template": map[string]any{}}}
	for name, tc := range map[string]struct {
		there map[string]any
		want  string
	}{
		"root certificate":     {manifest("v1", "ConfigMap", "edge-git", "kube-root-ca.crt", nil), ""},
		"certificate":          {manifest("v1", "Secret", "edge-git", "git-tls", nil), ""},
		"another's":            {manifest("v1", "Secret", "edge-git", "wiki-tls", nil), "secret wiki-tls"},
		"settings":             {manifest("v1", "ConfigMap", "edge-git", "settings", nil), "configmap settings"},
		"scaled to nothing":    {manifest("apps/v1", "Deployment", "edge-git", "db", template), "deployment db"},
		"daemons":              {manifest("apps/v1", "DaemonSet", "edge-git", "db", template), "daemonset db"},
		"job":                  {manifest("batch/v1", "Job", "edge-git", "db", template), "job db"},
		"service":              {manifest("v1", "Service", "edge-git", "db", map[string]any{"spec": map[string]any{}}), "service db"},
		"route":                {manifest("traefik.io/v1alpha1", "IngressRoute", "edge-git", "db", map[string]any{"spec": map[string]any{}}), "ingressroute db"},
		"middleware":           {middleware("edge-git", "sso"), "middleware sso"},
		"in another namespace": {pod("edge-wiki", "db"), ""},
		"what comes by itself": {manifest("v1", "Event", "edge-git", "e", nil), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKube(t)
			mustRun(t, testConfig(testService()), k)
			put(t, k, tc.there)
			got, err := foreign(t.Context(), k.API(), "edge-git", "git")
			if err != nil || strings.Join(got, ", ") != tc.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// TestNothingIsDeletedUnseen: a list that cannot be had may be full.
func TestNothingIsDeletedUnseen(t *testing.T) {
	t.Parallel()
	for _, k := range missed() {
		kube := newKube(t)
		mustRun(t, testConfig(testService()), kube)
		before := len(kube.Writes())
		fault := fakekube.Fault{Path: "/namespaces/edge-git/" + k.Plural + "$", Trouble: fakekube.Error, Status: 403, Reason: "Forbidden", Message: "no"}
		if err := kube.Fault(fault); err != nil {
			t.Fatal(err)
		}
		if result, _, err := run(t, testConfig(), kube); result.Failed != 1 || err == nil || len(kube.Writes()) != before {
			t.Errorf("%s: %+v, %v, wrote %v", k.Plural, result, err, kube.Writes()[before:])
		}
	}
}

func TestRoutesGoFirst(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService(public)), k)
	before := len(k.Writes())
	mustRun(t, testConfig(), k)
	var order []string
	for _, w := range k.Writes()[before:] {
		parts := strings.Split(w.Path, "/")
		order = append(order, w.Method+" "+parts[len(parts)-2])
	}
	for i, o := range order {
		if ingress := o == "DELETE ingresses"; ingress != (i < 2) {
			t.Errorf("%v", order)
			break
		}
	}
	if last := order[len(order)-1]; last != "DELETE namespaces" {
		t.Errorf("%v", order)
	}
}

func TestNamespacesComeFirstAndRoutesLast(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService(), named("wiki")), k)
	phase := 0
	for _, w := range k.Writes() {
		now := 1
		switch {
		case strings.Contains(w.Path, "/ingresses/"):
			now = 2
		case !strings.Contains(strings.TrimPrefix(w.Path, "/api/v1/namespaces/"), "/"):
			now = 0
		}
		if now < phase {
			t.Errorf("%s came after phase %d", w.Path, phase)
		}
		phase = now
	}
}

func TestANamespaceThatDoesNotGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKube(t)
		mustRun(t, testConfig(testService()), k)
		k.Linger(true)
		started := time.Now()
		_, text, err := run(t, testConfig(), k)
		var hint interface{ Hint() string }
		if err == nil || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "kubectl get namespace edge-git") || time.Since(started) > 3*time.Minute {
			t.Errorf("%v after %s", err, time.Since(started))
		}
		if !strings.Contains(text, "step-waiting services/prune namespace edge-git to be gone") {
			t.Errorf("nothing is said while it waits:\n%s", text)
		}
		// It is not forgotten: the next run waits for it again.
		l := &eventlog.Log{}
		result, err := converge.Run(t.Context(), nil, l, PlanStages(testConfig(), k.API())...)
		if err != nil || result.Differs != 1 || !strings.Contains(l.String(), "git/Namespace/edge-git being deleted absent") {
			t.Errorf("%+v, %v\n%s", result, err, l)
		}
	})
}

func TestTogether(t *testing.T) {
	t.Parallel()
	items := make([]int, 100)
	for i := range items {
		items[i] = i
	}
	t.Run("bounded, and all", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var running, most, done atomic.Int32
			var mu sync.Mutex
			err := together(t.Context(), items, func(_ context.Context, i int) error {
				mu.Lock()
				most.Store(max(most.Load(), running.Add(1)))
				mu.Unlock()
				time.Sleep(time.Second)
				running.Add(-1)
				done.Add(1)
				return nil
			})
			if err != nil || most.Load() != atOnce || done.Load() != 100 {
				t.Errorf("%v, %d at once, %d done", err, most.Load(), done.Load())
			}
		})
	})
	t.Run("errors in order", func(t *testing.T) {
		t.Parallel()
		err := together(t.Context(), items, func(_ context.Context, i int) error {
			if i%40 == 0 {
				return fmt.Errorf("item %d: %w", i, errNotSet)
			}
			return nil
		})
		if err == nil || err.Error() != "item 0: env:A is not set\nitem 40: env:A is not set\nitem 80: env:A is not set" {
			t.Errorf("%v", err)
		}
	})
	t.Run("away ends it", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int32
		err := together(t.Context(), items, func(ctx context.Context, i int) error {
			asked.Add(1)
			if i == 0 {
				return &cluster.AwayError{Err: errNotSet}
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if !cluster.Away(err) || errors.Is(err, context.Canceled) || asked.Load() > atOnce+1 {
			t.Errorf("%v after %d", err, asked.Load())
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		err := together(ctx, items, func(ctx context.Context, i int) error {
			cancel(errNotSet)
			return ctx.Err()
		})
		if !errors.Is(err, errNotSet) {
			t.Errorf("%v", err)
		}
	})
}

// TestTwoAtTheSameTime: two people add a service each.
func TestTwoAtTheSameTime(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	var wg sync.WaitGroup
	for _, name := range []string{"git", "wiki", "photos"} {
		wg.Go(func() {
			c := testConfig(named("git"), named("wiki"), named("photos"))
			c.Only = name
			if _, err := converge.Run(t.Context(), nil, &eventlog.Log{}, Stages(c, k.API())...); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
	if got := mustRun(t, testConfig(named("git"), named("wiki"), named("photos")), k); got.Changed != 0 {
		t.Errorf("something was lost: %+v, %v", got, ofServices(k))
	}
}

// TestSomebodyEditsBehindUs: what is written is looked at again, and a run
// that was undone says so.
func TestSomebodyEditsBehindUs(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	const ingress = "/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git"
	k.React(func(path string, o map[string]any) {
		if path == ingress && o != nil {
			o["spec"].(map[string]any)["ingressClassName"] = "nginx"
			if err := k.Put("kubectl", o); err != nil {
				t.Error(err)
			}
		}
	})
	_, _, err := run(t, testConfig(testService()), k)
	if !errors.Is(err, converge.ErrNotConverged) || !strings.Contains(err.Error(), "git/Ingress/git") {
		t.Errorf("%v", err)
	}
	k.React(nil)
	mustRun(t, testConfig(testService()), k)
	if got := k.Object(ingress)["spec"].(map[string]any)["ingressClassName"]; got != "traefik" {
		t.Errorf("the class is %v", got)
	}
}

func many(n int) Config {
	var services []inventory.Service
	for i := range n {
		services = append(services, named(fmt.Sprintf("s%d", i)))
	}
	return testConfig(services...)
}

// TestALookDoesNotGrow counts requests: a look at many services that hold takes
// as many as one at a single service, but for the pages.
func TestALookDoesNotGrow(t *testing.T) {
	t.Parallel()
	k, c := newKube(t), many(120)
	mustRun(t, c, k)
	before := len(k.Requests())
	if got := mustRun(t, c, k); got != (converge.Result{Holds: 3}) {
		t.Errorf("%+v", got)
	}
	asked := k.Requests()[before:]
	if slices.ContainsFunc(asked, func(r fakekube.Request) bool { return r.Method != "GET" }) || len(asked) > 2*len(sources()) {
		t.Errorf("%d requests", len(asked))
	}
}

func BenchmarkNothingToDo(b *testing.B) {
	k, c := fakekube.New(fakekube.Traefik()...), many(500)
	if _, err := converge.Run(b.Context(), nil, &eventlog.Log{}, Stages(c, k.API())...); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if result, err := converge.Run(b.Context(), nil, &eventlog.Log{}, Stages(c, k.API())...); err != nil || result.Holds != 3 {
			b.Fatalf("%+v, %v", result, err)
		}
	}
}
