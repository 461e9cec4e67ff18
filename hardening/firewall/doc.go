// Package firewall renders, reads back and judges an nftables ruleset.
//
// Wanted rules are rendered as readable nft text (Render); the kernel's rules
// are read through netlink into the model of this package (ReadTable), and
// the wanted ones likewise, from an empty network namespace (Scratch), so that
// Equal compares both in the same terms. Table.Decide answers for a packet
// whether it lives. What the model cannot say is "unknown", never a pass.
//
// Rendering, comparing and judging work on every system; reading needs Linux.
//
// It imports nothing of ours.
package firewall
