package addons

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func newKube(t *testing.T) *fakekube.Kube {
	t.Helper()
	return fakekube.New(append(fakekube.Traefik(), fakekube.Gateway()...)...)
}

func testConfig(services ...inventory.Service) Config {
	return Config{
		Cluster: testCluster(inventory.EdgeTunnel), Services: services,
		Secrets: func(context.Context, inventory.SecretRef) (inventory.Secret, error) {
			return inventory.NewSecret(bob), nil
		},
	}
}

// run applies, and returns what happened beside the result.
func run(t *testing.T, c Config, k *fakekube.Kube) (converge.Result, string, error) {
	t.Helper()
	l := &eventlog.Log{}
	result, err := converge.Run(t.Context(), nil, l, Stages(c, k.API())...)
	return result, l.String(), err
}

func mustRun(t *testing.T, c Config, k *fakekube.Kube) converge.Result {
	t.Helper()
	result, text, err := run(t, c, k)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return result
}

func put(t *testing.T, k *fakekube.Kube, objects ...map[string]any) {
	t.Helper()
	for _, o := range objects {
		if err := k.Put("kubectl", o); err != nil {
			t.Fatal(err)
		}
	}
}

// manifest is an object of somebody else's.
func manifest(apiVersion, kind, namespace, name string, fields map[string]any) map[string]any {
	out := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}}
	if namespace == "" {
		delete(out["metadata"].(map[string]any), "namespace")
	}
	for key, value := range fields {
		out[key] = value
	}
	return out
}

func pod(namespace, name string) map[string]any {
	return manifest("v1", "Pod", namespace, name, map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "x"}}}})
}

// ofServices are the paths in the namespaces of services, and these themselves.
func ofServices(k *fakekube.Kube) []string {
	return slices.DeleteFunc(k.Paths(), func(p string) bool { return !strings.Contains(p, "/namespaces/"+namespacePrefix) })
}

func TestApplyTwiceWritesOnce(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	var services []inventory.Service
	for name, v := range variants() {
		s := v.service
		s.Name, s.Host = "x-"+name, strings.Replace(s.Host, "git", name, 1)
		s.Middlewares = nil
		if s.TLS != nil {
			s.TLS.CA = ""
		}
		services = append(services, s)
	}
	c := testConfig(services...)
	if got := mustRun(t, c, k); got != (converge.Result{Holds: 2, Changed: 1}) {
		t.Errorf("first run: %+v", got)
	}
	before := len(k.Writes())
	k2 := len(k.Requests())
	if got := mustRun(t, c, k); got != (converge.Result{Holds: 3}) {
		t.Errorf("second run: %+v", got)
	}
	if after := len(k.Writes()); after != before {
		t.Errorf("the second run wrote %v", k.Writes()[before:])
	}
	if looks := len(k.Requests()) - k2; looks != len(sources())+1 {
		t.Errorf("the second run took %d requests", looks)
	}
}

func TestEditsAreMended(t *testing.T) {
	t.Parallel()
	ingress := "/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git"
	slice := "/apis/discovery.k8s.io/v1/namespaces/edge-git/endpointslices/git-k3sedge-1"
	for name, tc := range map[string]struct {
		edit func(*fakekube.Kube) map[string]any
		want string
	}{
		"another host": {func(k *fakekube.Kube) map[string]any {
			o := k.Object(ingress)
			o["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)["host"] = "evil.example.org"
			return o
		}, "git/Ingress/git differs in spec.rules[0].host"},
		"one server more": {func(k *fakekube.Kube) map[string]any {
			o := k.Object(slice)
			o["endpoints"] = append(o["endpoints"].([]any), map[string]any{"addresses": []any{"10.0.0.66"}})
			return o
		}, "git/EndpointSlice/git-k3sedge-1 differs in endpoints"},
		"no limit": {func(k *fakekube.Kube) map[string]any {
			o := k.Object(ingress)
			delete(o["metadata"].(map[string]any)["annotations"].(map[string]any), annotations+"router.middlewares")
			return o
		}, "differs in metadata.annotations." + annotations + "router.middlewares"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKube(t)
			c := testConfig(testService())
			mustRun(t, c, k)
			put(t, k, tc.edit(k))
			result, text, err := run(t, c, k)
			if err != nil || result.Changed != 1 || !strings.Contains(text, tc.want) {
				t.Errorf("%+v, %v\n%s", result, err, text)
			}
			if again := mustRun(t, c, k); again.Changed != 0 {
				t.Errorf("not mended: %+v", again)
			}
		})
	}
}

// TestWhatOthersAddStays: only our fields are ours.
func TestWhatOthersAddStays(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	c := testConfig(testService())
	mustRun(t, c, k)
	ns := k.Object("/api/v1/namespaces/edge-git")
	ns["metadata"].(map[string]any)["labels"].(map[string]any)["team"] = "a"
	put(t, k, ns)
	if got := mustRun(t, c, k); got.Changed != 0 {
		t.Errorf("a label of others was a difference: %+v", got)
	}
}

func TestChangesOfTheFile(t *testing.T) {
	t.Parallel()
	headers := func(csp string) inventory.Service {
		return testService(func(s *inventory.Service) { s.Headers = &inventory.Headers{CSP: csp} })
	}
	k := newKube(t)
	mustRun(t, testConfig(headers("default-src 'self'")), k)
	result, text, err := run(t, testConfig(headers("")), k)
	if err != nil || result.Changed != 1 || !strings.Contains(text, "git/Middleware/headers differs in fields that are no longer wanted") {
		t.Errorf("%+v, %v\n%s", result, err, text)
	}
	spec := fmt.Sprint(k.Object("/apis/traefik.io/v1alpha1/namespaces/edge-git/middlewares/headers")["spec"])
	if strings.Contains(spec, "contentSecurityPolicy") {
		t.Errorf("the policy stayed: %s", spec)
	}
	// The family of a slice cannot be changed, and a service that is public no longer loses its route.
	mustRun(t, testConfig(testService(public)), k)
	mustRun(t, testConfig(testService(func(s *inventory.Service) { s.To = []string{"[fd00::20]:3000"} })), k)
	if got := k.Object("/apis/discovery.k8s.io/v1/namespaces/edge-git/endpointslices/git-k3sedge-1")["addressType"]; got != "IPv6" {
		t.Errorf("the slice is of %v", got)
	}
	if k.Object("/apis/networking.k8s.io/v1/namespaces/edge-git/ingresses/git-tunnel") != nil {
		t.Error("what only the LAN may reach is still on the tunnel")
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService(), named("wiki")), k)
	put(t, k, manifest("v1", "Secret", "edge-git", "git-tls", nil), manifest("v1", "ConfigMap", "edge-git", "kube-root-ca.crt", nil))
	c := testConfig(named("wiki"))
	c.Only = "git"
	mustRun(t, c, k)
	for _, p := range ofServices(k) {
		if !strings.Contains(p, "edge-wiki") {
			t.Errorf("%s is left", p)
		}
	}
	if len(ofServices(k)) != 6 {
		t.Errorf("of the other service there is %v", ofServices(k))
	}
	mustRun(t, testConfig(), k)
	if left := ofServices(k); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestOnlyLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(named("wiki")), k)
	c := testConfig(testService())
	c.Only = "git"
	if got := mustRun(t, c, k); got.Changed != 1 {
		t.Errorf("%+v", got)
	}
	if k.Object("/api/v1/namespaces/edge-wiki") == nil {
		t.Error("adding one service has removed another")
	}
}

func TestNamespaceWithAStrangerInItIsKept(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService()), k)
	put(t, k, pod("edge-git", "database"))
	result, text, err := run(t, testConfig(), k)
	if err != nil || result.Changed != 1 || !strings.Contains(text, "holds what is not of k3sedge: pod database") {
		t.Errorf("%+v, %v\n%s", result, err, text)
	}
	if got := ofServices(k); !slices.Equal(got, []string{"/api/v1/namespaces/edge-git", "/api/v1/namespaces/edge-git/pods/database"}) {
		t.Errorf("there is %v", got)
	}
	if again := mustRun(t, testConfig(), k); again.Changed != 0 {
		t.Errorf("the namespace is not let go: %+v", again)
	}
}

// TestCopiesAreNotOurs: who copies an object copies its labels.
func TestCopiesAreNotOurs(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService()), k)
	copied := k.Object("/apis/traefik.io/v1alpha1/namespaces/edge-git/middlewares/headers")
	copied["metadata"].(map[string]any)["namespace"] = "default"
	put(t, k, copied)
	mustRun(t, testConfig(), k)
	if k.Object("/apis/traefik.io/v1alpha1/namespaces/default/middlewares/headers") == nil {
		t.Error("somebody's copy was deleted")
	}
}

func TestNamespaceThatIsStillGoingIsAwaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKube(t)
		mustRun(t, testConfig(testService()), k)
		k.Linger(true)
		done := make(chan error)
		go func() {
			_, _, err := run(t, testConfig(), k)
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		k.Linger(false)
		if err := <-done; err != nil {
			t.Error(err)
		}
		// And one that is going while the service comes back.
		mustRun(t, testConfig(testService()), k)
		k.Linger(true)
		if err := k.API().Delete(t.Context(), "/api/v1/namespaces/edge-git"); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _, err := run(t, testConfig(testService()), k)
			done <- err
		}()
		synctest.Wait()
		k.Linger(false)
		if err := <-done; err != nil || len(ofServices(k)) != 6 {
			t.Errorf("%v, %v", err, ofServices(k))
		}
	})
}

func TestPlanWritesNothing(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	l := &eventlog.Log{}
	result, err := converge.Run(t.Context(), nil, l, PlanStages(testConfig(testService()), k.API())...)
	if err != nil || result != (converge.Result{Differs: 1, Holds: 2}) || len(k.Writes()) > 0 {
		t.Errorf("%+v, %v, wrote %v\n%s", result, err, k.Writes(), l)
	}
}

func TestNoTraefikYet(t *testing.T) {
	t.Parallel()
	_, _, err := run(t, testConfig(testService()), fakekube.New())
	var hint interface{ Hint() string }
	if !errors.Is(err, errNoTraefik) || !errors.As(err, &hint) {
		t.Errorf("%v", err)
	}
	var api cluster.API = fakekube.New().API()
	if _, err := take(t.Context(), api); !cluster.NotFound(err) {
		t.Errorf("%v", err)
	}
}
