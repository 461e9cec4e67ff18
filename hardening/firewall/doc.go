// Package firewall renders, reads back and judges an nftables ruleset.
//
// Wanted rules are rendered as readable nft text; the kernel's rules are
// read through netlink into the model of this package; and the model answers
// for a packet whether it lives. What the model cannot say is "unknown",
// never a pass.
//
// It imports nothing of ours.
package firewall
