package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	"github.com/cert-manager/cert-manager/internal/pem"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/healthz"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/server"

	// The issuers announce themselves where they are linked. Those of the
	// settings' defaults, which name all controllers, are linked with them.
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/venafi"
)

// controllerMain runs cert-manager's controllers once this process leads.
type controllerMain struct {
	settings *config.ControllerConfiguration
	factory  *controller.ContextFactory
	shared   *controller.Context
	group    *errgroup.Group
}

func runControllers(ctx context.Context, c *config.ControllerConfiguration) error {
	limits := c.PEMSizeLimitsConfig
	pem.SetGlobalSizeLimits(pem.NewSizeLimitsFromConfig(limits.MaxCertificateSize, limits.MaxPrivateKeySize, limits.MaxChainLength, limits.MaxBundleSize))
	m := controllerMain{settings: c}
	m.group, ctx = errgroup.WithContext(ctx)
	var err error
	if m.factory, err = contextFactory(ctx, c); err != nil {
		return err
	}
	if m.shared, err = m.factory.Build(); err != nil {
		return fmt.Errorf("reach the API: %w", err)
	}
	if err := m.metrics(ctx); err != nil {
		return err
	}
	health := healthz.NewServer(c.LeaderElectionConfig.HealthzTimeout)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.HealthzListenAddress)
	if err != nil {
		return fmt.Errorf("listen for health: %w", err)
	}
	m.group.Go(func() error { return health.Start(ctx, l) })
	elected := make(chan struct{})
	if !c.LeaderElectionConfig.Enabled {
		close(elected)
	} else {
		with, err := m.factory.Build("leader-election")
		if err != nil {
			return fmt.Errorf("reach the API: %w", err)
		}
		m.group.Go(func() error {
			return lead(ctx, c.LeaderElectionConfig.LeaderElectionConfig, with, health.LeaderHealthzAdaptor, func() { close(elected) })
		})
	}
	select {
	case <-ctx.Done():
		return m.group.Wait()
	case <-elected:
	}
	if err := m.start(ctx); err != nil {
		return err
	}
	return m.group.Wait()
}

// metrics serves them, and fills them from the caches.
func (m *controllerMain) metrics(ctx context.Context) error {
	l, err := server.Listen(ctx, "tcp", m.settings.MetricsListenAddress)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	informers := m.shared.SharedInformerFactory
	m.shared.Metrics.SetupACMECollector(informers.Acme().V1().Challenges().Lister())
	m.shared.Metrics.SetupCertificateCollector(informers.Certmanager().V1().Certificates().Lister())
	m.shared.Metrics.SetupIssuerCollector(informers.Certmanager().V1().Issuers().Lister())
	if m.settings.Namespace == "" {
		m.shared.Metrics.SetupClusterIssuerCollector(informers.Certmanager().V1().ClusterIssuers().Lister())
	}
	s := m.shared.Metrics.NewServer(l)
	context.AfterFunc(ctx, func() { _ = s.Close() })
	m.group.Go(func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve metrics: %w", err)
		}
		return nil
	})
	return nil
}

// start runs the controllers that are enabled.
func (m *controllerMain) start(ctx context.Context) error {
	names := enabled(m.settings)
	known := controller.Known()
	for _, name := range names {
		if known[name] == nil {
			return fmt.Errorf("there is no controller %q", name)
		}
	}
	slices.Sort(names)
	logs.FromContext(ctx).Info("starting controllers", "names", names)
	for _, name := range names {
		one, err := known[name](m.factory)
		if err != nil {
			return fmt.Errorf("make the controller %s: %w", name, err)
		}
		m.group.Go(func() error { return one.Run(m.settings.NumberOfConcurrentWorkers, ctx) })
	}
	m.shared.SharedInformerFactory.Start(ctx.Done())
	m.shared.KubeSharedInformerFactory.Start(ctx.Done())
	m.shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return nil
}
