package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Venafi/vcert/v5"
	logsapi "k8s.io/component-base/logs/api/v1"

	defaults "github.com/cert-manager/cert-manager/internal/apis/config/controller/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/controller"
)

// load reads settings as if the process were a new one: a log is set up once.
func load[C any](t *testing.T, c component[C], args ...string) (*C, error) {
	t.Helper()
	if err := logsapi.ResetForTest(nil); err != nil {
		t.Fatal(err)
	}
	return c.load(args)
}

// TestTheChartsFlags are taken as cert-manager takes them.
func TestTheChartsFlags(t *testing.T) {
	c, err := load(t, controllerSettings(),
		"--v=2", "--cluster-resource-namespace=cert-manager", "--leader-election-namespace=kube-system", "--acme-http01-solver-image=x:1",
		"--max-concurrent-challenges=60", "--dns01-recursive-nameservers-only=true", "--dns01-recursive-nameservers=1.1.1.1:53,9.9.9.9:53",
		"--controllers=*,-certificaterequests-approver")
	if err != nil {
		t.Fatal(err)
	}
	if c.ClusterResourceNamespace != "cert-manager" || !c.LeaderElectionConfig.Enabled || c.LeaderElectionConfig.Namespace != "kube-system" || c.MaxConcurrentChallenges != 60 {
		t.Errorf("%+v", c)
	}
	o, err := acmeOptions(c)
	if err != nil || o.DNS01CheckAuthoritative || !slices.Equal(o.DNS01Nameservers, []string{"1.1.1.1:53", "9.9.9.9:53"}) || o.HTTP01SolverImage != "x:1" || o.HTTP01SolverResourceRequestCPU.String() != "10m" {
		t.Errorf("%+v, %v", o, err)
	}
	names := enabled(c)
	if len(names) != len(defaults.DefaultEnabledControllers)-1 || slices.Contains(names, "certificaterequests-approver") {
		t.Errorf("enabled are %v", names)
	}
	for _, name := range names { // those of the settings are linked
		if controller.Known()[name] == nil {
			t.Errorf("there is no controller %s", name)
		}
	}
	w, err := load(t, webhookSettings(), "--v=2", "--secure-port=10250", "--dynamic-serving-ca-secret-namespace=cert-manager",
		"--dynamic-serving-ca-secret-name=cert-manager-webhook-ca", "--dynamic-serving-dns-names=cert-manager-webhook,cert-manager-webhook.cert-manager")
	if err != nil || w.SecurePort != 10250 || len(w.TLSConfig.Dynamic.DNSNames) != 2 {
		t.Errorf("%+v, %v", w, err)
	}
	i, err := load(t, injectorSettings(), "--v=2", "--leader-election-namespace=kube-system")
	if err != nil || i.LeaderElectionConfig.Namespace != "kube-system" || !i.EnableDataSourceConfig.Certificates {
		t.Errorf("%+v, %v", i, err)
	}
}

// TestAFlagWinsOverTheFile, and the file over the defaults.
func TestAFlagWinsOverTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := "apiVersion: controller.config.cert-manager.io/v1alpha1\nkind: ControllerConfiguration\nmaxConcurrentChallenges: 7\nnumberOfConcurrentWorkers: 3\ncontrollers: [issuers, clusterissuers]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, controllerSettings(), "--config="+file, "--max-concurrent-challenges=8", "--namespace=one")
	if err != nil || c.MaxConcurrentChallenges != 8 || c.NumberOfConcurrentWorkers != 3 {
		t.Fatalf("%+v, %v", c, err)
	}
	if names := enabled(c); !slices.Equal(names, []string{"issuers"}) { // the other one is of the whole cluster
		t.Errorf("enabled are %v", names)
	}
}

func TestRefused(t *testing.T) {
	for args, want := range map[string]string{
		"--no-such-flag":                 "unknown flag",
		"word":                           `["word"] is none`,
		"--feature-gates=NoSuchGate=on":  "invalid",
		"--config=/nowhere":              "read /nowhere",
		"--dns01-recursive-nameservers=": "", // none: those of resolv.conf
	} {
		if _, err := load(t, controllerSettings(), args); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
	for _, argv := range [][]string{{"cert-manager"}, {"cert-manager", "cmctl"}, {}} {
		if err := run(context.Background(), argv); !errors.Is(err, errComponent) {
			t.Errorf("%v: %v", argv, err)
		}
	}
	if err := startupAPICheck(context.Background(), []string{"check", "webhook"}); err == nil || !strings.Contains(err.Error(), "check api") {
		t.Errorf("another check: %v", err)
	}
	if _, err := vcert.NewClient(&vcert.Config{}); !errors.Is(err, vcert.ErrAbsent) {
		t.Errorf("a client for Venafi: %v", err)
	}
}
