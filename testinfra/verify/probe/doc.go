// Package probe is the part of the verification that knocks at doors: it runs
// where somebody stands, who may be the operator, another node or a third
// machine, asks ports and pages of the nodes, and prints what it saw.
//
// With root's rights it sends single SYN packets, which is cheap enough for all
// 65535 ports of a machine under emulation; without them it opens connections.
// A port that says nothing looks like a packet that was lost. So each batch
// ends with an echo request, and counts only once that is answered.
//
// It imports testinfra/judges and provision/converge.
package probe
