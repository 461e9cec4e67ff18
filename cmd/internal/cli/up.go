package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// upOptions are the flags of `k3sedge up`.
type upOptions struct {
	file, output string
	plan         bool
	wait         time.Duration
}

func newUpCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "up", Usage: "make and harden the machines; go on where an earlier run stopped",
		Description: `Goes through the stages image, machines and hardening. Each step looks first,
changes only what differs, and looks again. A second run changes nothing.
Ctrl-C once finishes the running step; twice stops at once.`,
		Flags: []cli.Flag{
			fileFlag(), outputFlag("`FORMAT` of progress and result"),
			switchFlag("plan", "look, change nothing, print what would change (exit code 3 if anything)"),
			&cli.DurationFlag{Name: "wait", Value: firstLogin, DefaultText: "5m", Usage: "how long a machine may take to its first login, a `DURATION` such as 10m"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			o := upOptions{file: c.String("file"), output: c.String("output"), plan: c.Bool("plan"), wait: c.Duration("wait")}
			if o.wait <= 0 {
				return usagef("--wait takes a time such as 90s or 10m", "--wait %s: not above zero", o.wait)
			}
			if o.plan {
				return runPlan(c.Context, s, o)
			}
			return runUp(c.Context, s, o)
		},
	}, "", `k3sedge up
k3sedge up --plan
k3sedge up --file home/k3sedge.yaml --output json`)
}

// upStages is everything that `up` does, in order.
func upStages(st *site, m machines) []converge.Stage {
	return append(m.Stages(), hardenStage(st))
}

// planStages are the same stages without any hand to change something.
func planStages(st *site, m machines) []converge.Stage {
	return append(m.PlanStages(), observeHardening(st))
}

func hardenStage(st *site) converge.Stage {
	stage := converge.Stage{Name: "hardening"}
	for _, n := range st.project.Cluster.Nodes {
		g := st.guests[n.Name]
		stage.Tracks = append(stage.Tracks, converge.Bind[hardening.Looker, hardening.Changer](n.Name, g, g, hardening.NewStep(st.policies[n.Name])))
	}
	return stage
}

func observeHardening(st *site) converge.Stage {
	stage := converge.Stage{Name: "hardening"}
	for _, n := range st.project.Cluster.Nodes {
		stage.Tracks = append(stage.Tracks, converge.Observe[hardening.Looker](n.Name, st.guests[n.Name], hardening.NewStep(st.policies[n.Name])))
	}
	return stage
}

func runUp(ctx context.Context, s Streams, o upOptions) error {
	ctx, stop, release := interrupts(ctx, s.Err)
	defer release()
	st, err := openSite(ctx, s, o.file)
	if err != nil {
		return err
	}
	defer st.close()
	for _, g := range st.guests {
		g.wait = o.wait
	}
	unlock, err := st.dir.lock("up")
	if err != nil {
		return err
	}
	defer unlock()
	m, err := st.machines(ctx)
	if err != nil {
		return err
	}
	if err := m.Preflight(ctx); err != nil {
		return err
	}
	report, err := openReport(s, o.output, st.dir)
	if err != nil {
		return err
	}
	_, err = converge.Run(ctx, stop, report, upStages(st, m)...)
	report.close()
	if err != nil {
		return halted{err, report.standing(), "k3sedge up"}
	}
	return st.printProof(ctx, o.output, report.times())
}

func runPlan(ctx context.Context, s Streams, o upOptions) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, o.file)
	if err != nil {
		return couldNotLook{err}
	}
	defer st.close()
	m, err := st.machines(ctx)
	if err != nil {
		return err
	}
	if err := m.Preflight(ctx); err != nil {
		return couldNotLook{err}
	}
	report, err := openReport(s, o.output, "")
	if err != nil {
		return err
	}
	result, err := converge.Run(ctx, nil, report, planStages(st, m)...)
	report.close()
	if err != nil {
		return err
	}
	printError(s.Err, report.notSeen())
	return planOutcome(s, result)
}

// planOutcome says in one line what a plan found.
func planOutcome(s Streams, r converge.Result) error {
	switch {
	case r.Differs+r.Pending > 0:
		fmt.Fprintf(s.Err, "%d steps would change something, %d come after them, %d hold; k3sedge up does it\n", r.Differs, r.Pending, r.Holds)
		return outcome(exitFindings)
	case r.Unknown > 0:
		fmt.Fprintf(s.Err, "%d steps could not be looked at, %d hold\n", r.Unknown, r.Holds)
		return outcome(exitUnknown)
	}
	fmt.Fprintf(s.Err, "no changes: all %d steps hold\n", r.Holds)
	return nil
}
