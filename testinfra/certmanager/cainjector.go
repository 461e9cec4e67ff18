package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	kubescheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	config "github.com/cert-manager/cert-manager/internal/apis/config/cainjector"
	configscheme "github.com/cert-manager/cert-manager/internal/apis/config/cainjector/scheme"
	"github.com/cert-manager/cert-manager/internal/apis/config/cainjector/validation"
	publicconfig "github.com/cert-manager/cert-manager/pkg/apis/config/cainjector/v1alpha1"
	injectorfile "github.com/cert-manager/cert-manager/pkg/cainjector/configfile"
	cmscheme "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/scheme"
	injectors "github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util"
	"github.com/cert-manager/cert-manager/pkg/util/configfile"
)

// definitionLimit is how long the injector waits for cert-manager's own
// definitions, which a chart may make after it.
const definitionLimit = 5 * time.Minute

func injectorSettings() component[config.CAInjectorConfiguration] {
	return component[config.CAInjectorConfiguration]{
		name: "cainjector", defaults: injectorDefaults, bind: bindInjector, validate: validation.ValidateCAInjectorConfiguration,
		file: func() (configfile.ConfigFile, func() *config.CAInjectorConfiguration) {
			f := injectorfile.New()
			return f, func() *config.CAInjectorConfiguration { return f.Config }
		},
		gates:   func(c *config.CAInjectorConfiguration) map[string]bool { return c.FeatureGates },
		logging: func(c *config.CAInjectorConfiguration) *logsapi.LoggingConfiguration { return &c.Logging },
	}
}

func injectorDefaults() (*config.CAInjectorConfiguration, error) {
	scheme, _, err := configscheme.NewSchemeAndCodecs()
	if err != nil {
		return nil, err
	}
	public, own := &publicconfig.CAInjectorConfiguration{}, &config.CAInjectorConfiguration{}
	scheme.Default(public)
	return own, scheme.Convert(public, own, nil)
}

func bindInjector(flags *pflag.FlagSet, c *config.CAInjectorConfiguration) {
	flags.StringVar(&c.Namespace, "namespace", c.Namespace, "the one namespace to watch")
	bindLease(flags, &c.LeaderElectionConfig)
	flags.BoolVar(&c.EnableDataSourceConfig.Certificates, "enable-certificates-data-source", c.EnableDataSourceConfig.Certificates, "take CAs from Certificates")
	flags.StringVar(&c.MetricsListenAddress, "metrics-listen-address", c.MetricsListenAddress, "where metrics are served, 0 for nowhere")
	flags.Var(cliflag.NewMapStringBool(&c.FeatureGates), "feature-gates", "features to switch on or off")
	logs.AddFlags(&c.Logging, flags)
}

func cainjector(ctx context.Context, args []string) error {
	c, err := injectorSettings().load(args)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logs.Log)
	m, err := injectorManager(c)
	if err != nil {
		return err
	}
	if err := awaitDefinitions(ctx, m, c.EnableDataSourceConfig.Certificates); err != nil {
		return err
	}
	into := c.EnableInjectableConfig
	err = injectors.RegisterAllInjectors(ctx, m, injectors.SetupOptions{
		Namespace: c.Namespace, IgnoreNamespaces: c.IgnoreNamespaces, EnableCertificatesDataSource: c.EnableDataSourceConfig.Certificates,
		EnabledReconcilersFor: map[string]bool{
			injectors.MutatingWebhookConfigurationName:   into.MutatingWebhookConfigurations,
			injectors.ValidatingWebhookConfigurationName: into.ValidatingWebhookConfigurations,
			injectors.APIServiceName:                     into.APIServices,
			injectors.CustomResourceDefinitionName:       into.CustomResourceDefinitions,
		},
	})
	if err != nil {
		return fmt.Errorf("register the injectors: %w", err)
	}
	return m.Start(ctx)
}

func injectorManager(c *config.CAInjectorConfiguration) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(kubescheme.AddToScheme(scheme), cmscheme.AddToScheme(scheme), apiextensions.AddToScheme(scheme), apiregistration.AddToScheme(scheme))
	if err != nil {
		return nil, fmt.Errorf("learn the kinds: %w", err)
	}
	api, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API: %w", err)
	}
	o := ctrl.Options{
		Scheme: scheme, Cache: cache.Options{ReaderFailOnMissingInformer: true},
		// Secrets are asked for one by one: all of them would be a lot to hold.
		Client:         client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		LeaderElection: c.LeaderElectionConfig.Enabled, LeaderElectionNamespace: c.LeaderElectionConfig.Namespace,
		LeaderElectionID: "cert-manager-cainjector-leader-election", LeaderElectionReleaseOnCancel: true,
		LeaderElectionResourceLock: resourcelock.LeasesResourceLock,
		LeaderElectionLabels:       map[string]string{"app.kubernetes.io/managed-by": "cert-manager-cainjector"},
		LeaseDuration:              &c.LeaderElectionConfig.LeaseDuration, RenewDeadline: &c.LeaderElectionConfig.RenewDeadline,
		RetryPeriod: &c.LeaderElectionConfig.RetryPeriod, Metrics: metrics.Options{BindAddress: c.MetricsListenAddress},
	}
	if c.Namespace != "" {
		o.Cache.DefaultNamespaces = map[string]cache.Config{c.Namespace: {}}
	}
	m, err := ctrl.NewManager(util.RestConfigWithUserAgent(api, "cainjector"), o)
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return m, nil
}

func awaitDefinitions(ctx context.Context, m ctrl.Manager, wanted bool) error {
	if !wanted {
		return nil
	}
	err := wait.PollUntilContextTimeout(ctx, time.Second, definitionLimit, true, func(ctx context.Context) (bool, error) {
		err := m.GetAPIReader().Get(ctx, client.ObjectKey{Name: "certificates.cert-manager.io"}, &apiextensions.CustomResourceDefinition{})
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("wait for the definition of Certificates: %w", err)
	}
	return nil
}
