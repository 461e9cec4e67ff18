// Package ssh is the real machine.Host: one SSH connection a host, over which
// commands and SFTP run side by side.
//
// Only pinned host keys are accepted, and no switch turns that off. A failed
// connection is named by what happened, never by the text of an error. The
// remote user needs a POSIX shell and, unless it is root, sudo without a
// password.
//
// It imports machine, and is the only production code that imports
// golang.org/x/crypto/ssh and github.com/pkg/sftp.
package ssh
