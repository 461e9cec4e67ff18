package addons

import (
	"context"
	"sync"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// view looks. What it has seen serves all steps until something is written.
type view struct {
	cfg Config
	api cluster.Reader

	mu    sync.Mutex
	wants []want
	seen  *snapshot
}

// wanted is what the files ask for.
func (v *view) wanted(ctx context.Context) ([]want, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.wants == nil {
		wants, err := v.cfg.desired(ctx)
		if err != nil {
			return nil, err
		}
		v.wants = wants
	}
	return v.wants, nil
}

// look is what the cluster has.
func (v *view) look(ctx context.Context) (*snapshot, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		seen, err := take(ctx, v.api)
		if err != nil {
			return nil, err
		}
		v.seen = seen
	}
	return v.seen, nil
}

func (v *view) both(ctx context.Context) ([]want, *snapshot, error) {
	wants, err := v.wanted(ctx)
	if err != nil {
		return nil, nil, err
	}
	seen, err := v.look(ctx)
	return wants, seen, err
}

func (v *view) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = nil
}
