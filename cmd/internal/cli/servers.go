package cli

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// server is a node that runs the API.
type server interface {
	machine.Dialer
	look.Looker
}

// servers are all of them: while one is down, the others serve. Whoever
// answered last is asked first, for one that is off costs seconds each time.
type servers struct {
	all  []server
	last atomic.Int32 // the index of who answered
}

// Dial connects through the first server that lets it.
func (s *servers) Dial(ctx context.Context, address string) (net.Conn, error) {
	return firstOf(ctx, s, func(one server) (net.Conn, error) { return one.Dial(ctx, address) })
}

// Kubeconfig is that of the first server that can be looked at. It is a secret.
func (s *servers) Kubeconfig(ctx context.Context) ([]byte, error) {
	return firstOf(ctx, s, func(one server) ([]byte, error) { return k3s.Kubeconfig(ctx, one) })
}

// firstOf tries one server after the other.
func firstOf[T any](ctx context.Context, s *servers, try func(server) (T, error)) (found T, err error) {
	var errs []error
	begin := int(s.last.Load())
	for i := range s.all {
		i = (begin + i) % len(s.all)
		if found, err = try(s.all[i]); err == nil {
			s.last.Store(int32(i))
			return found, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return found, errors.Join(errs...)
}

// servers are in the order of the file.
func (st *site) servers() *servers {
	s := &servers{}
	for _, n := range st.project.Cluster.Nodes {
		if n.Role == inventory.Server {
			s.all = append(s.all, st.guests[n.Name])
		}
	}
	return s
}
