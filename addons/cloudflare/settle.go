package cloudflare

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// codeConnected refuses to delete a tunnel that somebody is connected to.
const codeConnected = 1022

// settle writes. Where the answer got lost it does not write again: it looks
// again, and writes what is still missing then.
func (h *hands) settle(ctx context.Context, forget func(), write func(context.Context) error) error {
	for try := 1; ; try++ {
		err := write(ctx)
		forget()
		if !uncertain(err) && !overtaken(err) || try == tries || ctx.Err() != nil {
			return err
		}
		if !is(err, codeConnected) {
			continue
		}
		converge.Waiting(ctx, "the tunnel's connectors to stay away", "cloudflared on the nodes connects again as soon as it is cut off")
		if !h.pause(ctx, 2*time.Second) {
			return err
		}
	}
}

// overtaken reports that what was looked at is no longer so: somebody has made
// a record by that name since, deleted the tunnel, or connected to it.
func overtaken(err error) bool {
	return NotFound(err) || is(err, 81053, 81054, 81057, 81058, codeConnected)
}

// is reports whether Cloudflare refused with one of the codes.
func is(err error, codes ...int) bool {
	var refused *APIError
	return errors.As(err, &refused) && slices.Contains(codes, refused.Code)
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
