package addons

import (
	"errors"
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

// changed is a folder in which one service is new, one differs and one left.
func changed(t *testing.T) (*fakekube.Kube, Config) {
	k := newKube(t)
	mustRun(t, testConfig(named("old"), named("wiki")), k)
	return k, testConfig(named("wiki", func(s *inventory.Service) { s.To = []string{"10.0.0.9:80"} }), testService())
}

// TestTheAPIGoesAwayAtEachRequest: whatever was done by then, the error says
// what to do, and the next run ends where an undisturbed one does.
func TestTheAPIGoesAwayAtEachRequest(t *testing.T) {
	t.Parallel()
	for trouble, every := range map[fakekube.Trouble]int{fakekube.Away: 1, fakekube.Half: 5} {
		t.Run(string(trouble), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k, c := changed(t)
				before := len(k.Requests())
				mustRun(t, c, k)
				all, want := len(k.Requests())-before, k.Paths()
				for n := 0; n < all; n += every {
					k, c := changed(t)
					if err := k.Fault(fakekube.Fault{Trouble: trouble, After: n}); err != nil {
						t.Fatal(err)
					}
					_, text, err := run(t, c, k)
					var hint interface{ Hint() string }
					if !cluster.Away(err) || !errors.As(err, &hint) {
						t.Errorf("request %d: %v\n%s", n, err, text)
					}
					k.ClearFaults()
					mustRun(t, c, k)
					if got := k.Paths(); !slices.Equal(got, want) {
						t.Errorf("request %d: in the end there is %v", n, got)
					}
				}
			})
		})
	}
}

// TestOneRefusedObjectDoesNotStopTheOthers of its phase.
func TestOneRefusedObjectDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	if err := k.Fault(fakekube.Fault{Method: "PATCH", Path: "edge-git/middlewares/headers$", Trouble: fakekube.Error, Status: 422, Reason: "Invalid", Message: "no"}); err != nil {
		t.Fatal(err)
	}
	result, _, err := run(t, testConfig(testService(), named("wiki")), k)
	var status *cluster.StatusError
	if !errors.As(err, &status) || status.Code != 422 || result.Failed != 1 || !strings.Contains(err.Error(), "middlewares/headers") {
		t.Errorf("%+v, %v", result, err)
	}
	if k.Object("/apis/traefik.io/v1alpha1/namespaces/edge-wiki/middlewares/headers") == nil {
		t.Error("the other service's objects of the same phase were not applied")
	}
	if slices.ContainsFunc(k.Paths(), func(p string) bool { return strings.Contains(p, "/ingresses/") }) {
		t.Error("a route was made though what it names is not there")
	}
}

func TestTheLookFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault fakekube.Fault
		away  bool
	}{
		"forbidden": {fakekube.Fault{Path: "/ingresses$", Trouble: fakekube.Error, Status: 403, Reason: "Forbidden", Message: "no"}, false},
		"away":      {fakekube.Fault{Path: "/ingressroutes$", Trouble: fakekube.Away}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newKube(t)
			if err := k.Fault(tc.fault); err != nil {
				t.Fatal(err)
			}
			result, _, err := run(t, testConfig(testService()), k)
			if result.Failed != 1 || cluster.Away(err) != tc.away || len(k.Writes()) > 0 {
				t.Errorf("%s: %+v, %v, wrote %v", name, result, err, k.Writes())
			}
			result, err = converge.Run(t.Context(), nil, &eventlog.Log{}, PlanStages(testConfig(testService()), k.API())...)
			if err != nil || result.Unknown != 3 {
				t.Errorf("%s: planned: %+v, %v", name, result, err)
			}
		})
	}
}

func TestAListThatMovesOn(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	if err := k.Fault(fakekube.Fault{Path: "/ingresses$", Trouble: fakekube.Error, Count: 2, Status: 410, Reason: "Expired", Message: "too old"}); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t.Context(), k.API()); err != nil {
		t.Error(err)
	}
	k.ClearFaults()
	if err := k.Fault(fakekube.Fault{Path: "/ingresses$", Trouble: fakekube.Error, Status: 410, Reason: "Expired", Message: "too old"}); err != nil {
		t.Fatal(err)
	}
	if _, err := take(t.Context(), k.API()); !errors.Is(err, errMoving) {
		t.Error(err)
	}
}

func TestListsOfMorePages(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	for i := range 1001 {
		put(t, k, pod("default", "p"+strings.Repeat("x", i%200)+string(rune('a'+i/200))))
	}
	items, err := listAll(t.Context(), k.API(), query{kind: missed()[0], path: missed()[0].List()})
	if err != nil || len(items) != 1001 {
		t.Errorf("%d, %v", len(items), err)
	}
}

func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	c := testConfig(testService(func(s *inventory.Service) { s.BasicAuth = &inventory.BasicAuth{Users: "env:USERS"} }))
	k := newKube(t)
	_, text, err := run(t, c, k)
	if err != nil || strings.Contains(text, canary) {
		t.Errorf("%v\n%s", err, text)
	}
	secret := "/api/v1/namespaces/edge-git/secrets/git-users"
	o := k.Object(secret)
	o["data"] = map[string]any{"users": "eA=="}
	put(t, k, o)
	result, text, err := run(t, c, k)
	if err != nil || result.Changed != 1 || strings.Contains(text, canary) || strings.Contains(text, "eA==") || !strings.Contains(text, "git/Secret/git-users differs in data.users") {
		t.Errorf("%+v, %v\n%s", result, err, text)
	}
}

func TestYAMLIsWhatIsApplied(t *testing.T) {
	t.Parallel()
	c := testConfig(testService(func(s *inventory.Service) { s.BasicAuth = &inventory.BasicAuth{Users: "env:USERS"} }))
	text, err := YAML(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	k := newKube(t)
	mustRun(t, c, k)
	if documents := strings.Count(string(text), "apiVersion: "); documents != len(k.Writes()) {
		t.Errorf("%d documents for %d objects", documents, len(k.Writes()))
	}
	if strings.Contains(string(text), canary) || !strings.Contains(string(text), `users: "***"`) {
		t.Errorf("%s", text)
	}
	c.Secrets = failing
	if _, err := YAML(t.Context(), c); !errors.Is(err, errNotSet) {
		t.Errorf("%v", err)
	}
}

func FuzzParseList(f *testing.F) {
	f.Add([]byte(`{"kind":"PodList","metadata":{"continue":"x"},"items":[{"metadata":{"name":"a"}}]}`))
	f.Add([]byte(`{"kind":"Status"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		items, _, err := parseList(missed()[0], data)
		for _, it := range items {
			if err != nil || it.meta.Name == "" {
				t.Errorf("%+v, %v", it, err)
			}
		}
	})
}
