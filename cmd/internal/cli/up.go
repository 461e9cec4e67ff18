package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// upOptions are the flags of `k3sedge up`.
type upOptions struct {
	file, output, bundle string
	plan, adopt          bool
	wait                 time.Duration
}

func newUpCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "up", Usage: "make the machines, harden them, install K3s and Traefik, bring the services; go on where an earlier run stopped",
		Description: `Goes through the stages image, machines, hardening, K3s, Traefik, cert-manager, the
tunnel, and the services with their certificates, rules and records. Each step looks
first, changes only what differs, and looks again. A second run changes nothing and
restarts nothing. A file without k3s section ends after hardening.
Ctrl-C once finishes the running step; twice stops at once.`,
		Flags: []cli.Flag{
			fileFlag(), outputFlag("`FORMAT` of progress and result"),
			switchFlag("plan", "look, change nothing, print what would change (exit code 3 if anything)"),
			&cli.StringFlag{Name: "bundle", Usage: "`DIR` with the files of a K3s release, in place of k3s.bundle; nothing is downloaded"},
			adoptFlag(),
			&cli.DurationFlag{Name: "wait", Value: firstLogin, DefaultText: "5m", Usage: "how long a machine may take to its first login, a `DURATION` such as 10m"},
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			o := upOptions{file: c.String("file"), output: c.String("output"), bundle: c.String("bundle"), plan: c.Bool("plan"), adopt: c.Bool("adopt"), wait: c.Duration("wait")}
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
k3sedge up --bundle k3s-files
k3sedge up --file home/k3sedge.yaml --output json`)
}

// upStages is everything that `up` does, in order: image and machines,
// hardening, and what clusterStages lists.
func upStages(st *site, m machines) ([]converge.Stage, error) {
	more, err := st.clusterStages()
	return append(append(m.Stages(), st.behind(hardenStage(st), m.Left)), more...), err
}

// behind appends to the track of each node of a stage.
func (st *site) behind(stage converge.Stage, track func(inventory.Node) converge.Track) converge.Stage {
	for i, n := range st.project.Cluster.Nodes {
		stage.Tracks[i] = stage.Tracks[i].Then(track(n))
	}
	return stage
}

// planStages are the same stages without any hand to change something.
func planStages(st *site, m machines) ([]converge.Stage, error) {
	more, err := st.clusterPlan()
	return append(append(m.PlanStages(), st.behind(observeHardening(st), m.PlanLeft)), more...), err
}

func hardenStage(st *site) converge.Stage {
	stage := converge.Stage{Name: "hardening"}
	for _, n := range st.chosen {
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

// preflight is a run of its own: what it finds wrong ends everything.
func preflight(m machines, stage func(lookStep, string) converge.Stage) []converge.Stage {
	if _, nobody := m.(existing); nobody {
		return nil
	}
	return []converge.Stage{stage(lookStep{"preflight/proxmox", m.Preflight}, "preflight")}
}

func runUp(ctx context.Context, s Streams, o upOptions) error {
	ctx, stop, release := interrupts(ctx, s)
	defer release()
	st, err := openSite(ctx, s, o.file, "up")
	if err != nil {
		return err
	}
	defer st.close()
	st.adopt = o.adopt
	if err := st.useBundle(o.bundle); err != nil {
		return err
	}
	for _, g := range st.guests {
		g.wait = o.wait
	}
	m, err := st.machines(ctx)
	if err != nil {
		return err
	}
	stages, err := upStages(st, m)
	if err != nil {
		return err
	}
	report, err := openReport(s, o.output, st.dir)
	if err != nil {
		return err
	}
	_, err = converge.Run(ctx, stop, report, preflight(m, lookStep.wanted)...)
	if err == nil {
		if _, err = converge.Run(ctx, stop, report, stages...); err != nil {
			err = halted{err, report.standing(), "k3sedge up"}
		}
	}
	report.close()
	if err != nil {
		return err
	}
	p, errs := st.prove(ctx, report.times())
	errs = append(errs, st.proveCluster(ctx, &p))
	return st.printProof(o.output, p, errs)
}

func runPlan(ctx context.Context, s Streams, o upOptions) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, o.file, "")
	if err != nil {
		return couldNotLook{err}
	}
	defer st.close()
	st.adopt = o.adopt
	if err := st.useBundle(o.bundle); err != nil {
		return err
	}
	m, err := st.machines(ctx)
	if err != nil {
		return couldNotLook{err}
	}
	stages, err := planStages(st, m)
	if err != nil {
		return err
	}
	report, err := openReport(s, o.output, "")
	if err != nil {
		return err
	}
	result, err := converge.Run(ctx, nil, report, preflight(m, lookStep.observed)...)
	if err == nil && result.Unknown == 0 {
		result, err = converge.Run(ctx, nil, report, stages...)
	}
	report.close()
	if err != nil {
		return couldNotLook{err}
	}
	printError(s.Err, report.notSeen())
	return planOutcome(s, result)
}

// planOutcome says in one line what a plan found.
func planOutcome(s Streams, r converge.Result) error {
	switch {
	case r.Differs+r.Pending > 0:
		found := []string{counted(r.Differs, "step would change something", "steps would change something")}
		if r.Pending > 0 {
			found = append(found, counted(r.Pending, "comes after that", "come after that"))
		}
		found = append(found, counted(r.Holds, "holds", "hold"))
		if r.Unknown > 0 {
			found = append(found, fmt.Sprintf("%d could not be looked at", r.Unknown))
		}
		fmt.Fprintf(s.Err, "%s; k3sedge up does it\n", strings.Join(found, ", "))
		return outcome(exitFindings)
	case r.Unknown > 0:
		fmt.Fprintf(s.Err, "%s, %s\n", counted(r.Unknown, "step could not be looked at", "steps could not be looked at"), counted(r.Holds, "holds", "hold"))
		return outcome(exitUnknown)
	}
	fmt.Fprintf(s.Err, "no changes: %s\n", counted(r.Holds, "step holds", "steps hold"))
	return nil
}

// counted is a number with the words for one or for several.
func counted(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
