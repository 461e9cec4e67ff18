package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/k3sedge/k3sedge/addons/certmanager"
	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// edgeState is how that stands on which services rest beyond Traefik. What the
// file does not ask for is left out.
type edgeState struct {
	// CertManager is "running", or what it lacks.
	CertManager string `json:"certManager,omitempty"`
	// Certificates are those of services with something wrong.
	Certificates []string           `json:"certificates,omitempty"`
	Tunnel       *cloudflare.Health `json:"tunnel,omitempty"`
}

// certManagerRuns is cert-manager where nothing is wrong with it.
const certManagerRuns = "running"

// edgeState asks the cluster, and Cloudflare beside it. sofar is what could
// not be looked at before: of a cluster that is away no more is asked.
func (st *site) edgeState(ctx context.Context, sofar error) (edgeState, error) {
	var out edgeState
	errs := []error{sofar}
	if certmanager.Wanted(st.project.Cluster) && sofar == nil {
		state, err := certmanager.Look(ctx, st.kube())
		switch {
		case cluster.NotFound(err):
			out.CertManager = "not there"
		case err != nil:
			out.CertManager, errs = "unknown", append(errs, err)
		default:
			out.CertManager = state.String()
			out.Certificates, err = st.troubledCertificates(ctx)
			errs = append(errs, err)
		}
	}
	if edge := st.project.Cluster.Edge; edge != nil && edge.OverCloudflare() {
		services, err := st.addonsConfig("")
		if err == nil {
			out.Tunnel, err = cloudflare.Observe(st.flareConfig(services), st.flareClient()).Health(ctx)
		}
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// troubledCertificates are those that are not ready, have expired or are not
// renewed in time, each in one line.
func (st *site) troubledCertificates(ctx context.Context) ([]string, error) {
	all, err := certmanager.Certificates(ctx, st.kube())
	var out []string
	for _, c := range all {
		trouble := c.Trouble(st.streams.Now())
		if !c.Ready {
			trouble = "not ready: " + c.Message
		}
		if trouble != "" {
			out = append(out, fmt.Sprintf("certificate %s/%s %s", c.Namespace, c.Name, trouble))
		}
	}
	return out, err
}

// ready reports whether all that is asked for is as it should be.
func (e edgeState) ready() bool {
	return len(e.Certificates) == 0 && (e.CertManager == "" || e.CertManager == certManagerRuns) && (e.Tunnel == nil || e.Tunnel.Good() || e.Tunnel.Status == cloudflare.Unknown)
}

// write tells it in lines below the nodes.
func (e edgeState) write(w io.Writer) {
	if e.CertManager != "" {
		fmt.Fprintf(w, "\ncert-manager: %s\n", e.CertManager)
	}
	for _, c := range e.Certificates {
		fmt.Fprintf(w, "  %s\n", c)
	}
	if e.Tunnel == nil {
		return
	}
	detail := ", " + counted(len(e.Tunnel.Connectors), "connector", "connectors")
	if e.Tunnel.Reason != "" {
		detail = ": " + e.Tunnel.Reason
	}
	fmt.Fprintf(w, "\ntunnel %s: %s%s\n", e.Tunnel.Name, e.Tunnel.Status, detail)
	for _, c := range e.Tunnel.Connectors {
		fmt.Fprintf(w, "  %s from %s by %s, rules version %d\n", c.Version, c.Origin, strings.Join(c.Places, ", "), c.Rules)
	}
	if hint := e.Tunnel.Hint(); hint != "" {
		fmt.Fprintf(w, "  %s\n", hint)
	}
}
