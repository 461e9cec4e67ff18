package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// proof is the last word of a run: the machines, whether they hold, and what
// the time went into.
type proof struct {
	Kind    string      `json:"kind"` // result
	Nodes   []nodeProof `json:"nodes"`
	Stages  []stageTime `json:"stages"`
	Warning string      `json:"warning,omitempty"` // what is known against the running Traefik
}

type nodeProof struct {
	Name      string           `json:"name"`
	Role      string           `json:"role"`
	Address   string           `json:"address"`
	Compliant bool             `json:"compliant"`
	Controls  hardening.Counts `json:"controls"`
	K3s       string           `json:"k3s,omitempty"` // both empty where it was not asked for
	Traefik   string           `json:"traefik,omitempty"`
}

// prove audits every node once more, from outside of the steps that changed it.
func (st *site) prove(ctx context.Context, stages []stageTime) (proof, []error) {
	p, errs := newProof(st.chosen, st.audit(ctx, fleet{parallel: len(st.chosen)}))
	p.Stages = stages
	return p, errs
}

// proveCluster adds how K3s and Traefik stand on each node, if the file wants them.
func (st *site) proveCluster(ctx context.Context, p *proof) error {
	if st.project.Cluster.K3s == nil {
		return nil
	}
	document, err := st.status(ctx)
	return errors.Join(err, p.add(document))
}

// add takes the cluster's side, whose nodes are in the same order.
func (p *proof) add(d statusDocument) error {
	p.Warning = d.Warning
	var errs []error
	for i, n := range d.Nodes {
		p.Nodes[i].K3s, p.Nodes[i].Traefik = n.Node, n.Traefik
		if n.SSH == "ok" && !n.ready() {
			err := fmt.Errorf("%s: K3s is %s, Traefik is %s", n.Name, n.Node, n.Traefik)
			errs = append(errs, machine.WithHint(err, "k3sedge status shows when it is ready; k3sedge up says what keeps it"))
		}
	}
	return errors.Join(errs...)
}

// printProof prints the table; errs say what does not hold.
func (st *site) printProof(output string, p proof, errs []error) error {
	warn(st.streams, p.Warning, "")
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
		drift, blind := len(a.Drift()), len(a.Blind())
		ok := a.Err == nil && drift+blind == 0 && count.Pass > 0
		p.Nodes = append(p.Nodes, nodeProof{Name: n.Name, Role: string(n.Role), Address: n.Address.String(), Compliant: ok, Controls: count})
		switch {
		case a.Err != nil:
			errs = append(errs, &converge.StepError{Subject: n.Name, Err: a.Err})
		case !ok:
			err := fmt.Errorf("%s: %d controls fail, %d are unknown", n.Name, drift, blind)
			errs = append(errs, machine.WithHint(err, "k3sedge harden --check names them"))
		}
	}
	return p, errs
}

// controls are the counts in words. What is left open on a node that holds is
// the user's: it was never promised, and it is not kept quiet either.
func (n nodeProof) controls() string {
	c := n.Controls
	words := []string{fmt.Sprintf("%d pass", c.Pass)}
	left := c.Fail + c.Unknown
	switch {
	case !n.Compliant:
		words = append(words, fmt.Sprintf("%d fail", c.Fail), fmt.Sprintf("%d unknown", c.Unknown))
	case left > 0:
		words = append(words, fmt.Sprintf("%d left to you (harden --check)", left))
	}
	if c.Waived > 0 {
		words = append(words, fmt.Sprintf("%d waived", c.Waived))
	}
	return strings.Join(append(words, fmt.Sprintf("%d not applicable", c.NotApplicable)), ", ")
}

func (p proof) writeText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head, clustered := "", len(p.Nodes) > 0 && p.Nodes[0].K3s != ""
	if clustered {
		head = "\tK3S\tTRAEFIK"
	}
	fmt.Fprintln(t, "\nNODE\tROLE\tADDRESS\tCOMPLIANT\tCONTROLS"+head)
	for _, n := range p.Nodes {
		word := "yes"
		if !n.Compliant {
			word = "no"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s", n.Name, n.Role, n.Address, word, n.controls())
		if clustered {
			fmt.Fprintf(t, "\t%s\t%s", n.K3s, n.Traefik)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "\nSTAGE\tTIME")
	for _, s := range p.Stages {
		fmt.Fprintf(t, "%s\t%.1fs\n", s.Stage, s.Seconds)
	}
	return t.Flush()
}
