package addons

import (
	"context"
	"errors"
	"sync"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// atOnce bounds the requests that are under way together.
const atOnce = 8

// together does the same with all items, some at once, and joins the errors in
// the order of the items. Where the API is away it does not go on asking.
func together[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	requests, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, len(items))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, it := range items {
		slots <- struct{}{}
		if requests.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if errs[i] = do(requests, it); cluster.Away(errs[i]) {
				cancel(errs[i])
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if away := context.Cause(requests); away != nil {
		return away
	}
	return errors.Join(errs...)
}
