package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/version"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/agent"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/charts"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/control"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/deploy"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/helm"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/issuer"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/node"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/server"
)

// release is what this program says it is. The linker must tell Kubernetes'
// own packages the same (see build), for they have no other way to know.
const release = "v1.35.4+lab1"

// build is the linker's flag that a build needs.
const build = "-X k8s.io/component-base/version.gitVersion=" + release

// configFile is where K3s reads its settings.
const configFile = "/etc/rancher/k3s/config.yaml"

// memory is the limit for etcd and the supervisor, which share this process.
const memory = 300 << 20

var (
	errBuild   = errors.New("built without -ldflags '" + build + "'")
	errCommand = errors.New("the lab's k3s knows the commands server, agent and --version")
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, log io.Writer) int {
	// The log of etcd, of Kubernetes' libraries and of ours go the same way.
	logrus.SetOutput(log)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if args[0] == node.ContainCommand && len(args) == 2 { // the node part starts itself anew as a container
		fmt.Fprintln(log, node.Contain(args[1]))
		return 128
	}
	if part := hidden(args[0]); part != nil {
		part.SetArgs(args[1:])
		return cli.Run(part)
	}
	if slices.Contains([]string{"--version", "-v"}, args[0]) {
		fmt.Fprintf(out, "k3s version %s (lab)\ngo version %s\nThis is the lab's stand-in for K3s, not K3s.\n", release, runtime.Version())
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, args, log); err != nil && ctx.Err() == nil {
		logrus.StandardLogger().Log(logrus.FatalLevel, err)
		return 1
	}
	return 0
}

// hidden gives the command of a part that the server runs as its child.
func hidden(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return control.NewAPIServer()
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	default:
		return nil
	}
}

func start(ctx context.Context, args []string, log io.Writer) error {
	if version.Get().GitVersion != release {
		return fmt.Errorf("%w: it says it is %s", errBuild, version.Get().GitVersion)
	}
	debug.SetMemoryLimit(memory)
	file, rest := settings(args[1:])
	role := config.Role(args[0])
	if role != config.Server && role != config.Agent {
		return fmt.Errorf("%w, not %q", errCommand, role)
	}
	c, err := config.Load(role, file, rest)
	if err != nil {
		return err
	}
	if role == config.Server {
		return server.Run(ctx, c, parts(log))
	}
	return agent.Run(ctx, agent.Options{Config: c, Version: release, Run: node.Run, Ready: ready})
}

// settings takes --config out of the arguments.
func settings(args []string) (file string, rest []string) {
	file = configFile
	for i := 0; i < len(args); i++ {
		value, ok := strings.CutPrefix(args[i], "--config=")
		switch {
		case ok:
			file = value
		case (args[i] == "--config" || args[i] == "-c") && i+1 < len(args):
			i++
			file = args[i]
		default:
			rest = append(rest, args[i])
		}
	}
	return file, rest
}

// parts wires the packages that run beside the control plane.
func parts(log io.Writer) server.Parts {
	return server.Parts{
		Node: node.Run, Helm: helm.Run, Deploy: deploy.Run, Issuer: issuer.Run, Stage: charts.Stage,
		Ready: ready, Out: log, Version: release,
	}
}

// ready tells systemd, if it asks.
func ready() {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		logrus.Errorf("Tell systemd: %v", err)
	}
}
