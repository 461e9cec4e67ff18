package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
)

func newServicesCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "services", Usage: "list the services of the folder",
		Description: "Reads services/ beside the cluster's file and contacts nobody; k3sedge up --plan says what the cluster lacks.",
		Flags:       []cli.Flag{fileFlag(), outputFlag("`FORMAT` of the list")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			project, err := inventory.Load(c.String("file"))
			if err != nil {
				return err
			}
			if c.String("output") == "json" {
				return json.NewEncoder(s.Out).Encode(map[string]any{"kind": "services", "services": listed(project.Services)})
			}
			return printServices(s, project.Services)
		},
	}, "", `k3sedge services
k3sedge services --output json`)
}

// serviceLine is a service as the list shows it.
type serviceLine struct {
	Name   string   `json:"name"`
	Host   string   `json:"host"`
	To     []string `json:"to"`
	Expose string   `json:"expose"`
	Preset string   `json:"preset"`
	// Passthrough leaves TLS to the servers.
	Passthrough bool `json:"passthrough,omitempty"`
}

func listed(services []inventory.Service) []serviceLine {
	out := []serviceLine{}
	for _, v := range services {
		out = append(out, serviceLine{v.Name, v.Host, v.To, string(v.Expose), string(v.Preset), v.Passthrough})
	}
	return out
}

func printServices(s Streams, services []inventory.Service) error {
	if len(services) == 0 {
		fmt.Fprintln(s.Err, "no services yet; k3sedge add-service NAME --host NAME --to ADDRESS:PORT adds one")
		return nil
	}
	t := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tHOST\tTO\tEXPOSE\tPRESET")
	for _, v := range listed(services) {
		if v.Passthrough {
			v.Preset = "(passthrough)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", v.Name, v.Host, strings.Join(v.To, ","), v.Expose, v.Preset)
	}
	return t.Flush()
}
