package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"

	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	configscheme "github.com/cert-manager/cert-manager/internal/apis/config/controller/scheme"
	defaults "github.com/cert-manager/cert-manager/internal/apis/config/controller/v1alpha1"
	"github.com/cert-manager/cert-manager/internal/apis/config/controller/validation"
	publicconfig "github.com/cert-manager/cert-manager/pkg/apis/config/controller/v1alpha1"
	controllerfile "github.com/cert-manager/cert-manager/pkg/controller/configfile"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/configfile"
)

func controllerSettings() component[config.ControllerConfiguration] {
	return component[config.ControllerConfiguration]{
		name: "controller", defaults: controllerDefaults, bind: bindController, validate: validation.ValidateControllerConfiguration,
		file: func() (configfile.ConfigFile, func() *config.ControllerConfiguration) {
			f := controllerfile.New()
			return f, func() *config.ControllerConfiguration { return f.Config }
		},
		gates:   func(c *config.ControllerConfiguration) map[string]bool { return c.FeatureGates },
		logging: func(c *config.ControllerConfiguration) *logsapi.LoggingConfiguration { return &c.Logging },
	}
}

func controllerDefaults() (*config.ControllerConfiguration, error) {
	scheme, _, err := configscheme.NewSchemeAndCodecs()
	if err != nil {
		return nil, err
	}
	public, own := &publicconfig.ControllerConfiguration{}, &config.ControllerConfiguration{}
	scheme.Default(public)
	return own, scheme.Convert(public, own, nil)
}

// bindController knows the flags that the chart writes, and those that its
// users add.
func bindController(flags *pflag.FlagSet, c *config.ControllerConfiguration) {
	bindLease(flags, &c.LeaderElectionConfig.LeaderElectionConfig)
	for name, at := range map[string]*string{
		"cluster-resource-namespace":            &c.ClusterResourceNamespace,
		"namespace":                             &c.Namespace,
		"acme-http01-solver-image":              &c.ACMEHTTP01Config.SolverImage,
		"acme-http01-solver-runtime-class-name": &c.ACMEHTTP01Config.SolverRuntimeClassName,
		"default-issuer-name":                   &c.IngressShimConfig.DefaultIssuerName,
		"default-issuer-kind":                   &c.IngressShimConfig.DefaultIssuerKind,
		"default-issuer-group":                  &c.IngressShimConfig.DefaultIssuerGroup,
		"metrics-listen-address":                &c.MetricsListenAddress,
		"internal-healthz-listen-address":       &c.HealthzListenAddress,
		"kubeconfig":                            &c.KubeConfig,
	} {
		flags.StringVar(at, name, *at, "as cert-manager's own")
	}
	for name, at := range map[string]*bool{
		"dns01-recursive-nameservers-only": &c.ACMEDNS01Config.RecursiveNameserversOnly,
		"enable-certificate-owner-ref":     &c.EnableCertificateOwnerRef,
	} {
		flags.BoolVar(at, name, *at, "as cert-manager's own")
	}
	for name, at := range map[string]*int{"max-concurrent-challenges": &c.MaxConcurrentChallenges, "concurrent-workers": &c.NumberOfConcurrentWorkers} {
		flags.IntVar(at, name, *at, "as cert-manager's own")
	}
	flags.StringSliceVar(&c.Controllers, "controllers", c.Controllers, "those to run: *, NAME, -NAME")
	flags.StringSliceVar(&c.ACMEDNS01Config.RecursiveNameservers, "dns01-recursive-nameservers", c.ACMEDNS01Config.RecursiveNameservers, "who is asked whether a record is there")
	flags.DurationVar(&c.ACMEDNS01Config.CheckRetryPeriod, "dns01-check-retry-period", c.ACMEDNS01Config.CheckRetryPeriod, "how long to wait between two such questions")
	flags.DurationVar(&c.CertificateRequestMinimumBackoffDuration, "certificate-request-minimum-backoff-duration", c.CertificateRequestMinimumBackoffDuration, "how long to wait after the first failure")
	flags.DurationVar(&c.CertificateRequestMaximumBackoffDuration, "certificate-request-maximum-backoff-duration", c.CertificateRequestMaximumBackoffDuration, "how long to wait at most")
	flags.Var(cliflag.NewMapStringString(&c.ACMEHTTP01Config.SolverExtraLabels), "acme-http01-solver-extra-labels", "labels of what solves HTTP-01")
	flags.Var(cliflag.NewMapStringBool(&c.FeatureGates), "feature-gates", "features to switch on or off")
	logs.AddFlags(&c.Logging, flags)
}

// enabled are the controllers to run: what is named, or the defaults, without
// what a minus takes away.
func enabled(c *config.ControllerConfiguration) []string {
	var out []string
	var named bool
	for _, name := range c.Controllers {
		switch {
		case name == "*":
			out, named = append(out, defaults.DefaultEnabledControllers...), true
		case !strings.HasPrefix(name, "-"):
			out, named = append(out, name), true
		}
	}
	if !named {
		out = slices.Clone(defaults.DefaultEnabledControllers)
	}
	return slices.DeleteFunc(out, func(name string) bool {
		return slices.Contains(c.Controllers, "-"+name) || c.Namespace != "" && slices.Contains(defaults.ClusterScopedControllers, name)
	})
}
