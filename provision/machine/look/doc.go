// Package look is one look at a host in one round trip: files, units, the end
// of a journal, listeners, free space, the clock, and whether servers elsewhere
// answer when they are asked from there.
//
// Both sides share it: the node agent runs Here, as its subcommand look, and the
// operator's side asks for it with Ask. It changes nothing on the host, except
// that Ask places the agent where it is missing. Here does its work on Linux.
//
// It imports provision/machine, and neither net/http nor anything else that is
// large: the agent is embedded twice in k3sedge.
package look
