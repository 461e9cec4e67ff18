package cloudflare

import (
	"context"
	"errors"
	"slices"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// settle writes. Where the answer got lost it does not write again: it looks
// again, and writes what is still missing then.
func settle(ctx context.Context, forget func(), write func(context.Context) error) error {
	var err error
	for range tries {
		err = write(ctx)
		forget()
		if !uncertain(err) && !overtaken(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// overtaken reports that what was looked at is no longer so: somebody has made
// a record by that name since, or deleted the tunnel.
func overtaken(err error) bool {
	var refused *APIError
	return NotFound(err) || errors.As(err, &refused) && slices.Contains([]int{81053, 81054, 81057, 81058}, refused.Code)
}

// again tells what to do where Cloudflare went away: nothing has to be undone.
func again(err error) error {
	var refused *APIError
	switch {
	case err == nil:
		return nil
	case stranger(err):
		return machine.WithHint(err, "something between answers in Cloudflare's place, such as a proxy or a captive portal: its authority has to be trusted by this machine, or it has to let api.cloudflare.com through")
	case Away(err):
		return machine.WithHint(err, "https://www.cloudflarestatus.com says whether it is Cloudflare; what was written stays, and the same command goes on from there")
	case errors.As(err, &refused) && refused.limited():
		return machine.WithHint(err, "other programs use the same account up; wait five minutes, then the same command goes on from there")
	case errors.As(err, &refused) && passing(refused):
		return machine.WithHint(err, "https://www.cloudflarestatus.com says more; the same command goes on from there")
	}
	return err
}
