package certmanager

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// field changes one field of an object that is there.
func field(t *testing.T, k *fakekube.Kube, path string, value any, keys ...string) {
	t.Helper()
	o := k.Object(path)
	if o == nil {
		t.Fatalf("nothing at %s", path)
	}
	below := o
	for _, key := range keys[:len(keys)-1] {
		below = below[key].(map[string]any)
	}
	below[keys[len(keys)-1]] = value
	put(t, k, o)
}

// What somebody changed of ours is put right, and nothing else is written.
func TestEditsAreMended(t *testing.T) {
	t.Parallel()
	const issuer = "/apis/cert-manager.io/v1/clusterissuers/letsencrypt-staging"
	for name, tc := range map[string]struct {
		path  string
		value any
		keys  []string
	}{
		"namespace":      {"/api/v1/namespaces/cert-manager", "privileged", []string{"metadata", "labels", "pod-security.kubernetes.io/enforce"}},
		"policy":         {"/apis/networking.k8s.io/v1/namespaces/cert-manager/networkpolicies/closed", []any{}, []string{"spec", "egress"}},
		"account":        {"/api/v1/namespaces/cert-manager/serviceaccounts/default", true, []string{"automountServiceAccountToken"}},
		"policy of Helm": {ref().Path(), "reinstall", []string{"spec", "failurePolicy"}},
		"server":         {issuer, "https://evil.example.org/dir", []string{"spec", "acme", "server"}},
		"token":          {tokenPath, "bmV3", []string{"data", "api-token"}},
	} {
		k, c := newKube(t), configOf(t)
		mustRun(t, c, k)
		before := len(k.Writes())
		field(t, k, tc.path, tc.value, tc.keys...)
		if plan, err := converge.Run(t.Context(), nil, silent{}, PlanStages(c, k.API())...); err != nil || plan.Differs != 1 {
			t.Errorf("%s: plan %+v, %v", name, plan, err)
		}
		if got := mustRun(t, c, k); got.Changed != 1 {
			t.Errorf("%s: %+v", name, got)
		}
		if writes := k.Writes()[before:]; len(writes) != 1 || writes[0].Path != tc.path {
			t.Errorf("%s: wrote %v", name, writes)
		}
		if again := mustRun(t, c, k); again.Changed != 0 {
			t.Errorf("%s: not mended: %+v", name, again)
		}
	}
}

// TestPlanGetsNoChart: what would be applied is told without it.
func TestPlanGetsNoChart(t *testing.T) {
	t.Parallel()
	k, c, l := newKube(t), configOf(t), &eventlog.Log{}
	bundle := c.Bundled
	c.Bundled = func(context.Context, string) (string, error) { return "", errors.New("asked for the chart") }
	got, err := converge.Run(t.Context(), nil, l, PlanStages(c, k.API())...)
	if err != nil || got != (converge.Result{Differs: 3}) || len(k.Writes()) > 0 || !strings.Contains(l.String(), "HelmChart/cert-manager absent") {
		t.Errorf("%+v, %v, wrote %v\n%s", got, err, k.Writes(), l)
	}
	c.Bundled = bundle
	mustRun(t, c, k)
	c.Bundled = func(context.Context, string) (string, error) { return "", errors.New("asked for the chart") }
	c.Cluster.Edge.Certificates.Nameservers = []string{"10.0.0.1:53"}
	got, err = converge.Run(t.Context(), nil, l, PlanStages(c, k.API())...)
	if err != nil || got.Unknown+got.Pending > 0 || !strings.Contains(l.String(), "HelmChart/cert-manager of another chart, or with other values") {
		t.Errorf("with other values: %+v, %v\n%s", got, err, l)
	}
}

// An API that does not answer is never taken for an empty cluster.
func TestAway(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"helmcharts", "namespaces/cert-manager$", "networkpolicies", "clusterissuers", "secrets"} {
		k, c := newKube(t), configOf(t)
		mustRun(t, c, k)
		if err := k.Fault(fakekube.Fault{Path: path, Trouble: fakekube.Away}); err != nil {
			t.Fatal(err)
		}
		before := len(k.Writes())
		if _, err := run(t, c, k); !cluster.Away(err) || len(k.Writes()) != before {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestChartThatCannotBeHad(t *testing.T) {
	t.Parallel()
	c := configOf(t)
	broken := errors.New("the bundle's file has another checksum")
	c.Bundled = func(_ context.Context, _ string) (string, error) { return "", broken }
	if _, err := run(t, c, newKube(t)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	c.Bundled = func(_ context.Context, file string) (string, error) { return filepath.Join(t.TempDir(), file), nil }
	if _, err := run(t, c, newKube(t)); err == nil || !strings.Contains(err.Error(), Package().File()) {
		t.Errorf("%v", err)
	}
}
