// Package look is one look at a host in one round trip: files, units, the end
// of a journal, listeners, free space, the clock, and whether servers elsewhere
// answer when they are asked from there.
//
// Both sides share it: the node agent runs Here, the operator's side asks for
// it through a Looker. It changes nothing on the host.
//
// It imports nothing of ours.
package look
