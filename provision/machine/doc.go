// Package machine says what may be done to one host and how it can fail.
//
// A Reader can only look; a Host can also change. Whoever is handed a Reader
// cannot write by type, which is what makes `up --plan` and `harden --check`
// safe without a dry-run flag. The real implementation is in machine/ssh.
//
// It imports nothing of ours.
package machine
