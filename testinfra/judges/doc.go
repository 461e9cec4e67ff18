// Package judges reads what independent programs say of a hardened machine:
// Debian's ssh-audit and lynis. Beside them stands a prober of our own, which
// asks from outside which ports answer.
//
// The programs are run by the end-to-end tests (make judges), which have the
// machines. It imports nothing of ours.
package judges
