package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/report"
)

func newControlsCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "controls", Usage: "list what is demanded of a node",
		Description: "The whole catalogue: IDs, severities, what holds and for which profile.\nNo node is asked, and no file is needed.",
		Flags:       []cli.Flag{choiceFlag("format", "`FORMAT` of the list", "text", "json", "markdown")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			return report.WriteControls(s.Out, c.String("format"), hardening.Controls())
		},
	}, "", `k3sedge harden controls
k3sedge harden controls --format json`)
}

func newExplainCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "explain", Usage: "tell everything about one control",
		Description: "Why it is demanded, what holds, where else the same is demanded, and who wins where\nbenchmarks contradict one another or K3s.",
		Flags:       []cli.Flag{choiceFlag("format", "`FORMAT` of the answer", "text", "json", "markdown")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 1, 1); err != nil {
				return err
			}
			return runExplain(s, c.Args().First(), c.String("format"))
		},
	}, "ID", `k3sedge harden explain SSH-01
k3sedge harden explain KRN-01 --format markdown`)
}

func runExplain(s Streams, id, format string) error {
	all := hardening.Controls()
	i := slices.IndexFunc(all, func(c hardening.Control) bool { return strings.EqualFold(c.ID, id) })
	if i < 0 {
		return usagef(nearestControl(id), "there is no control %q", id)
	}
	return report.Explain(s.Out, format, all[i])
}
