package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/provision"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// downOptions are the flags of `k3sedge down`.
type downOptions struct {
	file           string
	yes, keepNames bool
}

func newDownCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "down", Usage: "show what would be destroyed, ask, destroy",
		Description: `Destroys the VMs of this cluster and their disks. A VM is only touched if its
number, its name and the mark in its description all agree. The image stays. Before
that, the records and the tunnel of this cluster are taken away at Cloudflare. A tunnel
that others use too only loses this cluster's rules.`,
		Flags: []cli.Flag{fileFlag(), yesFlag("do not ask"), switchFlag("keep-names", "leave records and tunnel at Cloudflare as they are")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			return runDown(c.Context, s, downOptions{file: c.String("file"), yes: c.Bool("yes"), keepNames: c.Bool("keep-names")})
		},
	}, "", `k3sedge down
k3sedge down --yes`)
}

var errExisting = errors.New("k3sedge did not make these machines, so it destroys none of them")

func runDown(parent context.Context, s Streams, o downOptions) error {
	ctx, release := untilInterrupted(parent)
	defer release()
	st, err := openSite(ctx, s, o.file, "down")
	if err != nil {
		return err
	}
	defer st.close()
	if st.project.Cluster.Provider.Proxmox == nil {
		return usagef("k3sedge down is for machines that k3sedge up made on Proxmox", "%w", errExisting)
	}
	p, err := st.proxmox(ctx)
	if err != nil {
		return err
	}
	doomed, err := findDoomed(ctx, s, p)
	if err != nil {
		return err
	}
	forget := st.forgets(o)
	if len(doomed) == 0 && !forget {
		fmt.Fprintln(s.Err, "there is nothing to destroy")
		return nil
	}
	if err := agreeToDestroy(ctx, st, doomed, o); err != nil {
		return err
	}
	if forget {
		if err := st.forget(ctx); err != nil {
			return err
		}
	}
	if len(doomed) == 0 {
		fmt.Fprintln(s.Err, "there are no machines to destroy")
		return nil
	}
	release() // from here on, one Ctrl-C leaves nothing half-done
	return destroyAll(parent, st, p, doomed)
}

// forgets reports whether there may be something of this cluster at Cloudflare.
func (st *site) forgets(o downOptions) bool {
	edge := st.project.Cluster.Edge
	return edge != nil && edge.Cloudflare != nil && !o.keepNames
}

// forget takes away what leads to the cluster, before the cluster goes.
func (st *site) forget(ctx context.Context) error {
	services, err := st.addonsConfig("")
	if err != nil {
		return err
	}
	run := st.namesFor(services)
	report, err := openReport(st.streams, "text", "")
	if err != nil {
		return err
	}
	defer report.close()
	_, err = converge.Run(ctx, nil, report, lookStep{"cloudflare/forgotten", run.Forget}.wanted("cloudflare"))
	return orHint(err, "--keep-names destroys the machines and leaves what is at Cloudflare")
}

// findDoomed shows what it waits for: an earlier run may have begun something.
func findDoomed(ctx context.Context, s Streams, p *provision.Proxmox) (doomed []provision.Doomed, err error) {
	find := lookStep{"machines/found", func(ctx context.Context) (err error) {
		doomed, err = p.DestroyPlan(ctx)
		return err
	}}
	report, err := openReport(s, "text", "")
	if err != nil {
		return nil, err
	}
	defer report.close()
	_, err = converge.Run(ctx, nil, report, find.wanted("look"))
	return doomed, err
}

func destroyAll(ctx context.Context, st *site, p *provision.Proxmox, doomed []provision.Doomed) error {
	s := st.streams
	ctx, stop, release := interrupts(ctx, s)
	defer release()
	report, err := openReport(s, "text", st.dir)
	if err != nil {
		return err
	}
	err = p.Destroy(ctx, stop, report, doomed)
	report.close()
	if err != nil {
		return halted{err, report.standing(), "k3sedge down"}
	}
	fmt.Fprintf(s.Err, "destroyed %d machines; the image stays in its storage\n", len(doomed))
	return nil
}

func agreeToDestroy(ctx context.Context, st *site, doomed []provision.Doomed, o downOptions) error {
	s := st.streams
	if st.forgets(o) {
		fmt.Fprintln(s.Err, "this takes away the records and the tunnel that are this cluster's at Cloudflare")
	}
	if len(doomed) > 0 {
		fmt.Fprintln(s.Err, "this destroys, with all their disks:")
	}
	for _, d := range doomed {
		fmt.Fprintf(s.Err, "  VM %d %s (%s): %s\n", d.VMID, d.Name, d.Mark, strings.Join(d.Disks, ", "))
	}
	if o.yes {
		return nil
	}
	name := st.project.Cluster.Name
	ok, err := confirm(ctx, s, fmt.Sprintf("type %s to go on", name), name)
	if errors.Is(err, errNoAnswer) {
		return usagef("give --yes to destroy without being asked", "%w", err)
	}
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("not confirmed: nothing was destroyed")
	}
	return nil
}
