package control

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// NewAPIServer gives kube-apiserver's own command, with the one flag more
// that K3s' Kubernetes has: the port under which the Service "kubernetes"
// finds it, which is the supervisor's.
func NewAPIServer() *cobra.Command {
	s := options.NewServerRunOptions()
	var port int
	ctx := genericapiserver.SetupSignalContext()
	c := &cobra.Command{
		Use: "kube-apiserver", SilenceUsage: true, Args: cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			rest.SetDefaultWarningHandler(rest.NoWarnings{}) // of its own requests to itself
			return s.GenericServerRunOptions.ComponentGlobalsRegistry.Set()
		},
		RunE: func(c *cobra.Command, _ []string) error { return runAPIServer(ctx, c, s, port) },
	}
	flags := s.Flags()
	globalflag.AddGlobalFlags(flags.FlagSet("global"), c.Name(), logs.SkipLoggingConfigurationFlags())
	for _, f := range flags.FlagSets {
		c.Flags().AddFlagSet(f)
	}
	c.Flags().IntVar(&port, "advertise-port", APIPort, "the port of the Service kubernetes' endpoints")
	return c
}

func runAPIServer(ctx context.Context, c *cobra.Command, s *options.ServerRunOptions, port int) error {
	gates := s.GenericServerRunOptions.ComponentGlobalsRegistry.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	if err := logsapi.ValidateAndApply(s.Logs, gates); err != nil {
		return fmt.Errorf("set up log: %w", err)
	}
	cliflag.PrintFlags(c.Flags())
	completed, err := s.Complete(ctx)
	if err != nil {
		return fmt.Errorf("complete options: %w", err)
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return fmt.Errorf("options: %w", utilerrors.NewAggregate(errs))
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	serving := config.KubeAPIs.ControlPlane.Generic.SecureServing
	serving.Listener = advertised{serving.Listener, port}
	done, err := config.Complete()
	if err != nil {
		return fmt.Errorf("complete configuration: %w", err)
	}
	server, err := app.CreateServerChain(done)
	if err != nil {
		return fmt.Errorf("create server: %w", err)
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return fmt.Errorf("prepare server: %w", err)
	}
	return prepared.Run(ctx)
}

// advertised is a listener that names the port at which the world finds it:
// kube-apiserver publishes what its listener says.
type advertised struct {
	net.Listener
	port int
}

// Addr implements net.Listener.
func (a advertised) Addr() net.Addr {
	if t, ok := a.Listener.Addr().(*net.TCPAddr); ok {
		return &net.TCPAddr{IP: t.IP, Port: a.port}
	}
	return a.Listener.Addr()
}
