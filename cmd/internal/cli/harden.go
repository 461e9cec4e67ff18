package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// hardenOptions are the flags of `k3sedge harden`.
type hardenOptions struct {
	file, output, format, failOn string
	check                        bool
}

func newHardenCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "harden", Usage: "mend what drifted, or with --check only look",
		Description: `Without --check: brings every node back to its policy in one transaction a node,
which the node itself takes back unless a new login proves it.
With --check: looks, and writes nothing but the node agent's file.`,
		Flags: []cli.Flag{
			fileFlag(), outputFlag("`FORMAT` of progress and result"),
			switchFlag("check", "look only; exit code 3 with findings, 4 if something could not be looked at"),
			choiceFlag("format", "`FORMAT` of the findings of --check", "text", "json"),
			choiceFlag("fail-on", "the least `SEVERITY` of a finding that makes --check exit with 3", "low", "medium", "high", "critical"),
		},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			o := hardenOptions{file: c.String("file"), output: c.String("output"), format: c.String("format"), failOn: c.String("fail-on"), check: c.Bool("check")}
			if o.check {
				return runCheck(c.Context, s, o)
			}
			if c.IsSet("format") || c.IsSet("fail-on") {
				return usagef("add --check, or use --output", "--format and --fail-on are for harden --check")
			}
			return runHarden(c.Context, s, o)
		},
	}, "", `k3sedge harden --check
k3sedge harden --check --format json --fail-on high
k3sedge harden`)
}

func runHarden(ctx context.Context, s Streams, o hardenOptions) error {
	ctx, stop, release := interrupts(ctx, s)
	defer release()
	st, err := openSite(ctx, s, o.file, "harden")
	if err != nil {
		return err
	}
	defer st.close()
	report, err := openReport(s, o.output, st.dir)
	if err != nil {
		return err
	}
	_, err = converge.Run(ctx, stop, report, hardenStage(st))
	report.close()
	if err != nil {
		return halted{err, report.standing(), "k3sedge harden"}
	}
	p, errs := st.prove(ctx, report.times())
	return st.printProof(o.output, p, errs)
}

// audited is what an audit of one node came to.
type audited struct {
	hardening.Report
	Err error
}

// audit looks at all nodes at the same time; the order is the file's.
func (st *site) audit(ctx context.Context) []audited {
	nodes := st.project.Cluster.Nodes
	out := make([]audited, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			r, err := hardening.Audit(ctx, st.guests[n.Name], st.policies[n.Name])
			r.Node = n.Name
			out[i] = audited{r, err}
		})
	}
	wg.Wait()
	return out
}

func runCheck(ctx context.Context, s Streams, o hardenOptions) error {
	severity, err := hardening.ParseSeverity(o.failOn)
	if err != nil {
		return usagef("--fail-on takes low, medium, high or critical", "%w", err)
	}
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, o.file, "")
	if err != nil {
		return couldNotLook{err}
	}
	defer st.close()
	audits := st.audit(ctx)
	if ctx.Err() != nil {
		return couldNotLook{context.Cause(ctx)} // once, and no advice on each node
	}
	write := writeAuditText
	if o.format == "json" || o.output == "json" {
		write = writeAuditJSON
	}
	if err := write(s, audits); err != nil {
		return err
	}
	return auditOutcome(s, audits, severity)
}

// auditOutcome turns the reports into the exit code. A finding outweighs a gap.
func auditOutcome(s Streams, audits []audited, severity hardening.Severity) error {
	code := exitOK
	var blind []error
	for _, a := range audits {
		switch {
		case a.Err != nil:
			blind = append(blind, &converge.StepError{Subject: a.Node, Err: hinted(a)})
			code = max(code, exitUnknown)
		case len(a.With(hardening.Unknown)) > 0:
			code = max(code, exitUnknown)
		}
	}
	printError(s.Err, errors.Join(blind...))
	for _, a := range audits {
		if a.FailsAt(severity) {
			code = exitFindings
		}
	}
	if code == exitOK {
		return nil
	}
	return outcome(code)
}

// hinted is why a node could not be looked at, with what to try where nobody
// nearer to the cause has said so.
func hinted(a audited) error {
	if hintOf(a.Err) != "" {
		return a.Err
	}
	return machine.WithHint(a.Err, "see whether you can log in to %s by hand and use sudo there, then run it again", a.Node)
}

func writeAuditText(s Streams, audits []audited) error {
	var b strings.Builder
	for _, a := range audits {
		if a.Err != nil {
			continue // told with the outcome
		}
		if err := hardening.WriteText(&b, a.Report); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(s.Out, b.String())
	return err
}

// auditJSON is the document of `harden --check --format json`.
type auditJSON struct {
	Nodes []any `json:"nodes"`
}

func writeAuditJSON(s Streams, audits []audited) error {
	doc := auditJSON{Nodes: []any{}}
	for _, a := range audits {
		if a.Err != nil {
			doc.Nodes = append(doc.Nodes, struct {
				Node  string `json:"node"`
				Error string `json:"error"`
				Hint  string `json:"hint,omitempty"`
			}{a.Node, a.Err.Error(), hintOf(hinted(a))})
			continue
		}
		doc.Nodes = append(doc.Nodes, a.Report)
	}
	enc := json.NewEncoder(s.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
