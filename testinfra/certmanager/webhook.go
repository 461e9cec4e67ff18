package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	logsapi "k8s.io/component-base/logs/api/v1"

	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	"github.com/cert-manager/cert-manager/internal/apis/config/webhook/validation"
	server "github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/configfile"
	webhookfile "github.com/cert-manager/cert-manager/pkg/webhook/configfile"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
)

func webhookSettings() component[config.WebhookConfiguration] {
	return component[config.WebhookConfiguration]{
		name: "webhook", defaults: options.NewWebhookConfiguration, validate: validation.ValidateWebhookConfiguration,
		bind: func(flags *pflag.FlagSet, c *config.WebhookConfiguration) { options.AddConfigFlags(flags, c) },
		file: func() (configfile.ConfigFile, func() *config.WebhookConfiguration) {
			f := webhookfile.New()
			return f, func() *config.WebhookConfiguration { return f.Config }
		},
		gates:   func(c *config.WebhookConfiguration) map[string]bool { return c.FeatureGates },
		logging: func(c *config.WebhookConfiguration) *logsapi.LoggingConfiguration { return &c.Logging },
	}
}

func webhook(ctx context.Context, args []string) error {
	c, err := webhookSettings().load(args)
	if err != nil {
		return err
	}
	s, err := server.NewCertManagerWebhookServer(logs.FromContext(ctx, "webhook"), *c)
	if err != nil {
		return fmt.Errorf("make the webhook: %w", err)
	}
	return s.Run(ctx)
}
