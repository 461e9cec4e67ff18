package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// proof is the last word of a run: the machines, whether they hold, and what
// the time went into.
type proof struct {
	Kind   string      `json:"kind"` // result
	Nodes  []nodeProof `json:"nodes"`
	Stages []stageTime `json:"stages"`
}

type nodeProof struct {
	Name      string           `json:"name"`
	Role      string           `json:"role"`
	Address   string           `json:"address"`
	Compliant bool             `json:"compliant"`
	Controls  hardening.Counts `json:"controls"`
}

// printProof audits every node once more, from outside of the steps that
// changed it, and prints the table.
func (st *site) printProof(ctx context.Context, output string, stages []stageTime) error {
	p, errs := newProof(st.project.Cluster.Nodes, st.audit(ctx))
	p.Stages = stages
	if output == "json" {
		errs = append(errs, json.NewEncoder(st.streams.Out).Encode(p))
	} else {
		errs = append(errs, p.writeText(st.streams.Out))
	}
	return errors.Join(errs...)
}

// newProof takes the audits, which are in the order of the nodes. An error
// says why a node does not hold.
func newProof(nodes []inventory.Node, audits []audited) (p proof, errs []error) {
	p.Kind = "result"
	for i, a := range audits {
		n := nodes[i]
		count := a.Counts()
		ok := a.Err == nil && count.Fail == 0 && count.Unknown == 0 && count.Pass > 0
		p.Nodes = append(p.Nodes, nodeProof{n.Name, string(n.Role), n.Address.String(), ok, count})
		switch {
		case a.Err != nil:
			errs = append(errs, &converge.StepError{Subject: n.Name, Err: a.Err})
		case !ok:
			err := fmt.Errorf("%s: %d controls fail, %d are unknown", n.Name, count.Fail, count.Unknown)
			errs = append(errs, machine.WithHint(err, "k3sedge harden --check names them"))
		}
	}
	return p, errs
}

func (p proof) writeText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nNODE\tROLE\tADDRESS\tCOMPLIANT\tCONTROLS")
	for _, n := range p.Nodes {
		word, failed := "yes", ""
		if !n.Compliant {
			word, failed = "no", fmt.Sprintf(", %d fail, %d unknown", n.Controls.Fail, n.Controls.Unknown)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d pass%s, %d not applicable\n", n.Name, n.Role, n.Address, word, n.Controls.Pass, failed, n.Controls.NotApplicable)
	}
	fmt.Fprintln(t, "\nSTAGE\tTIME")
	for _, s := range p.Stages {
		fmt.Fprintf(t, "%s\t%.1fs\n", s.Stage, s.Seconds)
	}
	return t.Flush()
}
