package cli

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/addons"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// serviceOptions are the flags of `k3sedge add-service` beyond the service.
type serviceOptions struct {
	file, output                  string
	replace, dryRun, force, adopt bool
	was                           inventory.Service // as the folder has it; without a name where it has none
}

func newAddServiceCommand(s Streams) *cli.Command {
	flags := append(serviceFlags(),
		switchFlag("replace", "change a service that is there already"),
		switchFlag("dry-run", "print what would change in the cluster, write nothing"),
		switchFlag("force", "go on although a server does not answer from a node"),
		adoptFlag(), fileFlag(), serviceOutputFlag())
	return command(cli.Command{
		Name: "add-service", Usage: "put a server of your LAN behind the edge",
		Description: `Checks the service against every rule, asks its servers from each node, writes
services/NAME.yaml, brings it to the cluster and waits until each node answers.
Nothing is written before every check has passed.`,
		Flags: flags,
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			service, err := serviceOf(c, c.Args().First())
			if err != nil {
				return err
			}
			o := serviceOptions{file: c.String("file"), output: c.String("output"), replace: c.Bool("replace"), dryRun: c.Bool("dry-run"), force: c.Bool("force"), adopt: c.Bool("adopt")}
			return runAddService(c.Context, s, o, service)
		},
	}, "NAME", `k3sedge add-service git --host git.example.org --to 10.0.0.20:3000
k3sedge add-service pve --host pve.example.org --to 10.0.0.2:8006 --scheme https --ca pve-root-ca.pem
k3sedge add-service argocd --host argocd.example.org --to 10.0.0.30:443 --passthrough
k3sedge add-service wiki --host wiki.example.org --to 10.0.0.30:80 --expose public --dry-run`)
}

func adoptFlag() cli.Flag {
	return switchFlag("adopt", "take over records, tunnels and rules of somebody else's that are in the way; without it they are shown and stay as they are")
}

func serviceOutputFlag() cli.Flag {
	f := choiceFlag("output", "`FORMAT` of progress and result; yaml prints the manifests and writes nothing", "text", "json", "yaml")
	f.Aliases = []string{"o"}
	return f
}

func runAddService(ctx context.Context, s Streams, o serviceOptions, service inventory.Service) error {
	ctx, stop, release := interrupts(ctx, s)
	defer release()
	work := "add-service"
	if o.dryRun || o.output == "yaml" {
		work = "" // nothing is written, so nobody is kept from working
	}
	st, err := openSite(ctx, s, o.file, work)
	if err != nil {
		return err
	}
	defer st.close()
	st.adopt = o.adopt
	if i := indexOf(st.project.Services, service.Name); i >= 0 {
		o.was = st.project.Services[i]
	}
	if service, err = st.admit(service, o.replace); err != nil {
		return err
	}
	for _, w := range append(service.Warnings(), cloudflare.Note(st.project.Cluster, service), addons.Caution(st.project.Cluster, service)) {
		warn(s, w, "")
	}
	config, err := st.addonsConfig(service.Name)
	if err != nil {
		return err
	}
	// What the file and its references say has to be right before anybody is asked.
	manifests, err := addons.YAML(ctx, config)
	if err != nil {
		return usageError{err}
	}
	switch {
	case o.output == "yaml":
		_, err = s.Out.Write(manifests)
		return err
	case o.dryRun:
		return st.printDiff(ctx, config)
	}
	return st.addService(ctx, stop, o, config)
}

// admit holds the service against the files, and makes it part of the project.
func (st *site) admit(service inventory.Service, replace bool) (inventory.Service, error) {
	if err := st.needK3s(); err != nil {
		return service, err
	}
	project, err := st.project.WithService(service)
	if err != nil {
		return service, err
	}
	wanted := project.Services[indexOf(project.Services, service.Name)]
	if i := indexOf(st.project.Services, service.Name); i >= 0 && !replace && !reflect.DeepEqual(st.project.Services[i], wanted) {
		return service, usagef("add --replace to change it, or edit services/"+service.Name+".yaml and run k3sedge up", "there is a service %s already, with other settings", service.Name)
	}
	st.project = project
	return wanted, nil
}

func indexOf(services []inventory.Service, name string) int {
	return slices.IndexFunc(services, func(v inventory.Service) bool { return v.Name == name })
}

func (st *site) printDiff(ctx context.Context, config addons.Config) error {
	text, err := addons.Diff(ctx, config, st.kube())
	if err != nil {
		return refused(couldNotLook{err})
	}
	changes, err := cloudflare.Observe(st.flareConfig(config), st.flareClient()).Differences(ctx)
	if err != nil {
		return refused(couldNotLook{err})
	}
	if len(text)+len(changes) == 0 {
		fmt.Fprintln(st.streams.Err, "no changes")
	}
	if _, err := st.streams.Out.Write(text); err != nil {
		return err
	}
	for _, c := range changes {
		fmt.Fprintf(st.streams.Out, "Cloudflare: %s\n-%s\n+%s\n", c.ID, c.Have, c.Want)
	}
	return nil
}

// addService is the whole way of a service: asked, held against the cluster,
// kept, applied, and seen to answer.
func (st *site) addService(ctx context.Context, stop <-chan struct{}, o serviceOptions, config addons.Config) error {
	service := config.Services[indexOf(config.Services, config.Only)]
	report, err := openReport(st.streams, o.output, st.dir)
	if err != nil {
		return err
	}
	defer report.close()
	names := st.namesFor(config) // what the checks have read serves the change
	checks := converge.Stage{Name: "checks"}
	for _, look := range []lookStep{
		{"service/servers", func(ctx context.Context) error { return st.askServers(ctx, service, o.force) }},
		{"service/rules", func(ctx context.Context) error { return addons.Rules(ctx, config, st.kube()) }},
		{"service/names", func(ctx context.Context) error {
			_, err := names.Differences(ctx)
			return err
		}},
	} {
		checks.Tracks = append(checks.Tracks, look.wanted("").Tracks...)
	}
	if _, err := converge.Run(ctx, stop, report, checks); err != nil {
		return refused(err)
	}
	if _, err := inventory.SaveService(inventory.ServicesDir(o.file), service, o.replace); err != nil {
		return err
	}
	stages := append(st.someService(config, names), st.answers(awaited{service, o.was, o.force}))
	if _, err := converge.Run(ctx, stop, report, stages...); err != nil {
		return halted{err, report.standing(), "k3sedge up"}
	}
	return st.printAdded(o.output, service)
}

// refused makes a broken rule what it is: a service that must be another one.
func refused(err error) error {
	var rule *addons.RuleError
	var foreign *cloudflare.ForeignError
	if errors.As(err, &rule) || errors.As(err, &foreign) {
		return usageError{err}
	}
	return err
}

// askServers asks the servers of a service from each node.
func (st *site) askServers(ctx context.Context, service inventory.Service, force bool) error {
	results, err := addons.Probe(ctx, st.lookers(), service)
	if err != nil {
		return err
	}
	var faults []error
	for _, r := range results {
		text := fmt.Errorf("%s from %s: %s", r.Server, r.Node, r.Text)
		switch {
		case r.Severity == addons.Fine:
		case r.Severity == addons.Note:
			fmt.Fprintf(st.streams.Err, "note: %s\n", text)
		case r.Severity == addons.Fault && !force:
			faults = append(faults, machine.WithHint(text, "%s (--force adds the service all the same)", r.Hint))
		default:
			warn(st.streams, text.Error(), r.Hint)
		}
	}
	return errors.Join(faults...)
}
