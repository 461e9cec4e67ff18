package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// checkClient refuses a configuration that leaves the operator's client
// nothing in common with sshd. It is asked of sshd itself, for it alone knows
// what a list such as "+x" or "^y" comes to.
func (h Host) checkClient(ctx context.Context, config string, client facts.Algorithms) error {
	out, err := h.Runner.Run(ctx, command(sshd, "-T", "-f", config))
	if err != nil {
		return fmt.Errorf("ask sshd for its settings after the change: %w", err)
	}
	settings := parseSettings(out)
	keys, err := h.hostKeys(settings["hostkey"])
	if err != nil {
		return err
	}
	var proofs []string
	for _, k := range keys {
		proofs = append(proofs, k.Proofs()...)
	}
	return errors.Join(
		inCommon("key exchange", listed(settings["kexalgorithms"]), client.KeyExchanges),
		inCommon("cipher", listed(settings["ciphers"]), client.Ciphers),
		inCommon("MAC", listed(settings["macs"]), client.MACs),
		inCommon("host key", proofs, client.HostKeys),
	)
}

// listed splits what sshd -T prints of a list.
func listed(values []string) []string { return splitNames(strings.Join(values, ",")) }

func inCommon(kind string, offered, known []string) error {
	if slices.ContainsFunc(offered, func(name string) bool { return slices.Contains(known, name) }) {
		return nil
	}
	return fmt.Errorf("after the change your SSH client would have no %s in common with sshd: it knows %s, sshd would offer %s",
		kind, names(known), names(offered))
}

func names(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
