package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

func newRemoveServiceCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "remove-service", Usage: "take a service away from the edge",
		Description: `Deletes services/NAME.yaml and everything that k3sedge made for the service in the
cluster. The server itself is not touched. A run that was cut short is finished by
the same command, or by k3sedge up.`,
		Flags: []cli.Flag{fileFlag(), outputFlag("`FORMAT` of progress and result")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return runRemoveService(c.Context, s, c.String("file"), c.String("output"), c.Args().First())
		},
	}, "NAME", `k3sedge remove-service git`)
}

func runRemoveService(ctx context.Context, s Streams, file, output, name string) error {
	ctx, stop, release := interrupts(ctx, s)
	defer release()
	st, err := openSite(ctx, s, file, "remove-service")
	if err != nil {
		return err
	}
	defer st.close()
	if err := st.needK3s(); err != nil {
		return err
	}
	missing := inventory.RemoveService(inventory.ServicesDir(file), name)
	var broken *fs.PathError
	switch {
	case errors.As(missing, &broken):
		return missing
	case missing != nil && !errors.Is(missing, fs.ErrNotExist):
		return usageError{missing} // not a name
	}
	st.project.Services = slices.DeleteFunc(st.project.Services, func(v inventory.Service) bool { return v.Name == name })
	config, err := st.addonsConfig(name)
	if err != nil {
		return err
	}
	report, err := openReport(s, output, st.dir)
	if err != nil {
		return err
	}
	result, err := converge.Run(ctx, stop, report, st.someService(config, st.namesFor(config))...)
	report.close()
	switch {
	case err != nil:
		return halted{err, report.standing(), "k3sedge remove-service " + name}
	case missing != nil && result.Changed == 0:
		return usagef(hintOf(missing), "there is no service %s, neither in services/ nor in the cluster", name)
	case output == "json":
		return json.NewEncoder(s.Out).Encode(map[string]string{"kind": "removed", "name": name})
	}
	fmt.Fprintf(s.Err, "%s is no longer behind the edge\n", name)
	return nil
}
