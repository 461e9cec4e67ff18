package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/addons/traefik"
	"github.com/k3sedge/k3sedge/k3s"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

func newStatusCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "status", Usage: "show how nodes, K3s, Traefik, the tunnel and certificates stand",
		Description: `Looks at every node over SSH and at the cluster through a server that answers,
and changes nothing. Exit code 4 if a node or the cluster could not be looked at, 3 if
something is not ready.`,
		Flags: []cli.Flag{fileFlag(), outputFlag("`FORMAT` of the table")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			return runStatus(c.Context, s, c.String("file"), c.String("output"))
		},
	}, "", `k3sedge status
k3sedge status --output json`)
}

// nodeState is one line of the table.
type nodeState struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Address string `json:"address"`
	SSH     string `json:"ssh"` // "ok", or why not
	K3s     string `json:"k3s"`
	Node    string `json:"node"` // ready, not ready, unknown
	Traefik string `json:"traefik"`
	Version string `json:"version,omitempty"`
}

// statusDocument is the result for programs.
type statusDocument struct {
	Kind     string      `json:"kind"` // status
	Nodes    []nodeState `json:"nodes"`
	Services int         `json:"services"`          // in the folder
	Warning  string      `json:"warning,omitempty"` // what is known against the running Traefik
	Failed   string      `json:"failed,omitempty"`  // the last change of Traefik's chart, if it did not come through
	edgeState
}

const hintAway = "k3sedge up says what keeps K3s from answering; `journalctl -u k3s` on the first server has its own words"

func runStatus(ctx context.Context, s Streams, file, output string) error {
	ctx, release := untilInterrupted(ctx)
	defer release()
	st, err := openSite(ctx, s, file, "")
	if err != nil {
		return couldNotLook{err}
	}
	defer st.close()
	if err := st.needK3s(); err != nil {
		return err
	}
	document, trouble := st.status(ctx)
	// Cloudflare may be away as well, with another hint.
	document.edgeState, trouble = st.edgeState(ctx, orHint(trouble, hintAway))
	if ctx.Err() != nil {
		return couldNotLook{context.Cause(ctx)}
	}
	warn(s, document.Warning, "")
	if document.Failed != "" {
		warn(s, "Traefik runs as before its last change, which failed: "+document.Failed, "k3sedge up explains it and clears it away")
	}
	if output == "json" {
		err = json.NewEncoder(s.Out).Encode(document)
	} else {
		err = document.writeText(s)
	}
	switch {
	case err != nil:
		return err
	case trouble != nil:
		return couldNotLook{orHint(trouble, hintAway)}
	case !document.ready():
		return outcome(exitFindings)
	}
	return nil
}

// warn tells what does not keep anything from working; "" is nothing to tell.
func warn(s Streams, text, hint string) {
	if text != "" {
		fmt.Fprintf(s.Err, "warning: %s\n", text)
	}
	if hint != "" {
		fmt.Fprintf(s.Err, "hint: %s\n", hint)
	}
}

// status asks the nodes, K3s and Traefik at the same time. The error joins
// what could not be looked at; what could is there all the same.
func (st *site) status(ctx context.Context) (statusDocument, error) {
	config := k3s.Config{Cluster: st.project.Cluster}
	edge := make(chan traefik.State, 1)
	edgeErr := make(chan error, 1)
	go func() {
		state, err := traefik.Look(ctx, st.kube())
		edge <- state
		edgeErr <- err
	}()
	seen, apiErr := k3s.Status(ctx, config, st.lookers(), st.kube())
	state, err := <-edge, <-edgeErr
	var errs []error
	document := statusDocument{Kind: "status", Nodes: make([]nodeState, len(seen)), Services: len(st.project.Services), Warning: state.Warning()}
	if err == nil && (state.Failed != "" || state.Release.Status == "failed") {
		document.Failed = state.String()
	}
	for i, n := range seen {
		if n.Reachable != nil {
			errs = append(errs, n.Reachable)
		}
		document.Nodes[i] = st.nodeState(n, traefikOn(n.Name, state, err))
	}
	if len(errs) == 0 { // else the node that is gone is the reason for this as well
		errs = append(errs, apiErr)
	}
	if len(errs) == 0 && !cluster.NotFound(err) {
		errs = append(errs, err)
	}
	return document, errors.Join(errs...)
}

func (st *site) nodeState(n k3s.NodeStatus, edge string) nodeState {
	node, _ := st.project.Cluster.Node(n.Name)
	line := nodeState{
		Name: n.Name, Role: string(node.Role), Address: node.Address.String(),
		SSH: "ok", K3s: n.Unit, Node: string(n.Ready), Traefik: edge, Version: n.Version,
	}
	if n.Reason != "" {
		line.Node += ": " + n.Reason
	}
	if n.Reachable != nil {
		line.SSH, line.K3s, line.Traefik = "down", "unknown", "unknown"
	}
	return line
}

// traefikOn says how Traefik is on one node.
func traefikOn(node string, state traefik.State, err error) string {
	if err != nil {
		return "unknown"
	}
	for _, p := range state.Pods {
		switch {
		case p.Node != node:
		case p.Ready:
			return "ready"
		default:
			return "not ready: " + p.Reason
		}
	}
	return "not there"
}

// ready reports whether everything that was seen is as it should be.
func (d statusDocument) ready() bool {
	for _, n := range d.Nodes {
		if !n.ready() {
			return false
		}
	}
	return len(d.Nodes) > 0 && d.Failed == "" && d.edgeState.ready()
}

func (n nodeState) ready() bool {
	return n.SSH == "ok" && n.K3s == "active" && n.Node == string(k3s.Ready) && n.Traefik == "ready"
}

func (d statusDocument) writeText(s Streams) error {
	t := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tROLE\tADDRESS\tSSH\tK3S\tIN THE CLUSTER\tTRAEFIK\tVERSION")
	for _, n := range d.Nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.Role, n.Address, n.SSH, n.K3s, n.Node, n.Traefik, n.Version)
	}
	d.edgeState.write(t)
	return t.Flush()
}
