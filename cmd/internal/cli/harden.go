package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/report"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// hardenOptions are the flags of `k3sedge harden`.
type hardenOptions struct {
	file, output string
	check        bool
	target       targetOptions
	// The others are of --check only.
	formats          []string
	failOn           string
	reports, earlier string
	fleet            fleet
}

func newHardenCommand(s Streams) *cli.Command {
	c := command(cli.Command{
		Name: "harden", Usage: "mend what drifted, or with --check only look",
		Description: `Without --check: brings every node back to its policy in one transaction a node,
which the node itself takes back unless a new login proves it.
With --check: looks, and writes nothing but the node agent's file. Findings that are
waived in k3sedge.yaml do not count; every report lists the waivers.
ID stands for a control, a group of them such as SSH, or a pattern such as FW-0*.

` + report.Formula,
		Flags:       hardenFlags(),
		Subcommands: []*cli.Command{newControlsCommand(s), newExplainCommand(s), newFirewallCommand(s)},
		Action: func(c *cli.Context) error {
			if err := wantNoSubcommand(c); err != nil {
				return err
			}
			o := hardenOptionsOf(c)
			if err := o.target.check(); err != nil {
				return err
			}
			if o.check {
				return runCheck(c.Context, s, o)
			}
			if name := firstSet(c, "format", "fail-on", "report", "baseline", "deep", "parallel", "timeout"); name != "" {
				return usagef("add --check, or use --output", "--%s is for harden --check", name)
			}
			return runHarden(c.Context, s, o)
		},
	}, "", `k3sedge harden --check
k3sedge harden --check --fail-on high --report reports
k3sedge harden --check --format json > before.json
k3sedge harden --check --baseline before.json
k3sedge harden --only SSH --node edge-1
k3sedge harden explain SSH-01`)
	return c
}

func hardenFlags() []cli.Flag {
	return append([]cli.Flag{
		fileFlag(), outputFlag("`FORMAT` of progress and result"),
		switchFlag("check", "look only; exit code 3 with findings, 4 if something could not be looked at"),
		choicesFlag("format", "`FORMAT` of the report of --check: text, json, sarif, junit or html; several need --report (default: text)", report.Formats()...),
		&cli.StringFlag{Name: "report", Usage: "write the report of --check into `DIR`, in all formats or those of --format"},
		&cli.StringFlag{Name: "baseline", Usage: "show and count only what is new since the JSON report in `PATH`"},
		choiceFlag("fail-on", "the least `SEVERITY` of a finding that makes --check exit with 3", "low", "medium", "high", "critical"),
		switchFlag("deep", "look through the whole filesystem too, which takes longer"),
		&cli.IntFlag{Name: "parallel", Value: defaultParallel, Usage: "look at `N` nodes at the same time"},
		&cli.DurationFlag{Name: "timeout", Value: defaultTimeout, DefaultText: "1m, and 5m with --deep", Usage: "how long one node may take to answer, a `DURATION` such as 1m"},
	}, targetFlags()...)
}

func hardenOptionsOf(c *cli.Context) hardenOptions {
	timeout := c.Duration("timeout")
	if c.Bool("deep") && !c.IsSet("timeout") {
		timeout = deepTimeout
	}
	return hardenOptions{
		file: c.String("file"), output: c.String("output"), check: c.Bool("check"), target: targetOf(c),
		formats: c.StringSlice("format"), failOn: c.String("fail-on"), reports: c.String("report"), earlier: c.String("baseline"),
		fleet: fleet{parallel: c.Int("parallel"), timeout: timeout, show: true, whole: true},
	}
}

// firstSet is the first of the flags that was given, or "".
func firstSet(c *cli.Context, names ...string) string {
	for _, name := range names {
		if c.IsSet(name) {
			return name
		}
	}
	return ""
}

func runHarden(ctx context.Context, s Streams, o hardenOptions) error {
	ctx, stop, release := interrupts(ctx, s)
	defer release()
	st, err := openSite(ctx, s, o.file, "harden")
	if err != nil {
		return err
	}
	defer st.close()
	if err := st.aim(o.target); err != nil {
		return err
	}
	run, err := openReport(s, o.output, st.dir)
	if err != nil {
		return err
	}
	_, err = converge.Run(ctx, stop, run, hardenStage(st))
	run.close()
	if err != nil {
		return halted{err, run.standing(), "k3sedge harden"}
	}
	p, errs := st.prove(ctx, run.times())
	return st.printProof(o.output, p, errs)
}

func runCheck(ctx context.Context, s Streams, o hardenOptions) error {
	severity, err := hardening.ParseSeverity(o.failOn)
	if err != nil {
		return usagef("--fail-on takes low, medium, high or critical", "%w", err)
	}
	out, err := o.outlet()
	if err != nil {
		return err
	}
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, o.file, "")
	if err != nil {
		return couldNotLook{err}
	}
	defer st.close()
	if err := st.aim(o.target); err != nil {
		return err
	}
	audits := st.audit(ctx, o.fleet)
	if ctx.Err() != nil && !anySeen(audits) {
		return couldNotLook{context.Cause(ctx)} // once, and no advice on each node
	}
	document := st.document(audits, o.target)
	if out.earlier != nil {
		document = document.Against(*out.earlier)
	}
	if err := out.write(s, document); err != nil {
		return err
	}
	return auditOutcome(s, audits, document, severity)
}

// Defaults of a look at many nodes. A node answers in a fraction of a second,
// mostly spent waiting, so that many can be asked at once; a minute is
// what a machine under load needs.
const (
	defaultParallel = 16
	defaultTimeout  = time.Minute
	deepTimeout     = 5 * time.Minute // a walk over a slow and full disk
)
