// Package cli is the command line: one file a command, each of an Options
// type, a constructor and a run function.
//
// It is the only place that knows flags, the environment, the terminal and
// exit codes. Rules for what it prints: results go to standard output,
// everything else to standard error; messages begin in lower case and have no
// full stop; an error is one "error:" line and, where the user can mend it,
// one "hint:" line; colour and movement only on a terminal, and never with
// NO_COLOR.
//
// It may import everything of ours but commands and test infrastructure.
package cli
