// Package facts is the document in which the node agent tells what it saw.
//
// It holds types, and the numbers that both sides know, and is shared by the agent (hardening/node), which
// fills it in, and the controls (hardening), which judge it. A part that
// could not be looked at is nil and named in Facts.Problems: it is never
// empty, because empty would read as "nothing there".
//
// It imports hardening/firewall for the model of a ruleset and
// provision/machine/look for that of a dial, and nothing else of ours.
package facts
