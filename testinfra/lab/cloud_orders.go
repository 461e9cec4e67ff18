//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// cloudOrder is a word for something that may be done at Cloudflare's stand-in.
type cloudOrder struct {
	method, path string
	// argument is JSON for the body, ID for the end of the path, or nothing.
	argument string
}

func cloudOrders() map[string]cloudOrder {
	return map[string]cloudOrder{
		"records": {"GET", "/records", ""}, "tunnels": {"GET", "/tunnels", ""}, "certificates": {"GET", "/certificates", ""},
		"calls": {"GET", "/calls", ""}, "forget": {"DELETE", "/calls", ""},
		"faults": {"GET", "/faults", ""}, "fault": {"POST", "/faults", "JSON"}, "clear": {"DELETE", "/faults", ""},
		"record": {"POST", "/records", "JSON"}, "token": {"PUT", "/tokens", "JSON"}, "zone": {"PUT", "/zones", "JSON"},
		"delete-record": {"DELETE", "/records/", "ID"}, "delete-tunnel": {"DELETE", "/tunnels/", "ID"},
	}
}

// ErrOrder says that an order to Cloudflare's stand-in makes no sense.
var ErrOrder = errors.New("no such order")

// CloudflareOrders are the words that Shell takes.
func CloudflareOrders() []string {
	var words []string
	for word, o := range cloudOrders() {
		if o.argument != "" {
			word += " " + o.argument
		}
		words = append(words, word)
	}
	slices.Sort(words)
	return words
}

// Shell does what a user types, and gives the answer in JSON.
func (c Cloudflare) Shell(ctx context.Context, words ...string) (json.RawMessage, error) {
	if len(words) == 0 {
		return nil, machine.WithHint(ErrOrder, "one of %v", CloudflareOrders())
	}
	o, known := cloudOrders()[words[0]]
	switch wants := len(words) - 1; {
	case !known, o.argument == "" && wants != 0, o.argument != "" && wants != 1:
		return nil, machine.WithHint(fmt.Errorf("%w: %v", ErrOrder, words), "one of %v", CloudflareOrders())
	case o.argument == "ID":
		return c.raw(ctx, o.method, o.path+words[1], "")
	case o.argument == "JSON":
		return c.raw(ctx, o.method, o.path, words[1])
	}
	return c.raw(ctx, o.method, o.path, "")
}
