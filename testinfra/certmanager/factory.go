package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"

	config "github.com/cert-manager/cert-manager/internal/apis/config/controller"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
)

func controllerRun(ctx context.Context, args []string) error {
	c, err := controllerSettings().load(args)
	if err != nil {
		return err
	}
	return runControllers(ctx, c)
}

// contextFactory gives the controllers their settings.
func contextFactory(ctx context.Context, c *config.ControllerConfiguration) (*controller.ContextFactory, error) {
	acme, err := acmeOptions(c)
	if err != nil {
		return nil, err
	}
	shim := c.IngressShimConfig
	f, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		Kubeconfig: c.KubeConfig, KubernetesAPIQPS: c.KubernetesAPIQPS, KubernetesAPIBurst: c.KubernetesAPIBurst,
		APIServerHost: c.APIServerHost, Namespace: c.Namespace, ACMEOptions: acme,
		SchedulerOptions: controller.SchedulerOptions{MaxConcurrentChallenges: c.MaxConcurrentChallenges},
		IssuerOptions: controller.IssuerOptions{
			ClusterIssuerAmbientCredentials: c.ClusterIssuerAmbientCredentials, IssuerAmbientCredentials: c.IssuerAmbientCredentials,
			ClusterResourceNamespace: c.ClusterResourceNamespace,
		},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerName: shim.DefaultIssuerName, DefaultIssuerKind: shim.DefaultIssuerKind, DefaultIssuerGroup: shim.DefaultIssuerGroup,
			DefaultAutoCertificateAnnotations: shim.DefaultAutoCertificateAnnotations, ExtraCertificateAnnotations: shim.ExtraCertificateAnnotations,
			GatewayAPIExtraProtocols: sets.New(c.GatewayAPIConfig.ExtraProtocols...),
		},
		CertificateOptions: controller.CertificateOptions{
			EnableOwnerRef: c.EnableCertificateOwnerRef, CopiedAnnotationPrefixes: c.CopiedAnnotationPrefixes,
			CertificateRequestMinimumBackoffDuration: c.CertificateRequestMinimumBackoffDuration,
			CertificateRequestMaximumBackoffDuration: c.CertificateRequestMaximumBackoffDuration,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the controllers: %w", err)
	}
	return f, nil
}

func acmeOptions(c *config.ControllerConfiguration) (controller.ACMEOptions, error) {
	http, dns := c.ACMEHTTP01Config, c.ACMEDNS01Config
	o := controller.ACMEOptions{
		ACMEHTTP01SolverRunAsNonRoot: http.SolverRunAsNonRoot, HTTP01SolverImage: http.SolverImage,
		HTTP01SolverNameservers: http.SolverNameservers, HTTP01SolverExtraLabels: http.SolverExtraLabels,
		HTTP01SolverRuntimeClassName: http.SolverRuntimeClassName,
		DNS01Nameservers:             dns.RecursiveNameservers, DNS01CheckRetryPeriod: dns.CheckRetryPeriod,
		DNS01CheckAuthoritative: !dns.RecursiveNameserversOnly,
	}
	if len(o.DNS01Nameservers) == 0 {
		o.DNS01Nameservers = util.RecursiveNameservers // those of resolv.conf
	}
	var wrong []error
	for _, q := range []struct {
		text string
		into *resource.Quantity
	}{
		{http.SolverResourceRequestCPU, &o.HTTP01SolverResourceRequestCPU}, {http.SolverResourceRequestMemory, &o.HTTP01SolverResourceRequestMemory},
		{http.SolverResourceLimitsCPU, &o.HTTP01SolverResourceLimitsCPU}, {http.SolverResourceLimitsMemory, &o.HTTP01SolverResourceLimitsMemory},
	} {
		quantity, err := resource.ParseQuantity(q.text)
		*q.into, wrong = quantity, append(wrong, err)
	}
	return o, errors.Join(wrong...)
}
