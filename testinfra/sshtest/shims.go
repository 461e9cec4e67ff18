package sshtest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// shims is a directory of programs that stand before the real ones in the
// server's PATH.
type shims struct {
	t   testing.TB
	dir string
}

// sudo knows the one way in which k3sedge calls it, and rejects all others.
const sudo = `#!/bin/sh
if [ "$1" != -n ] || [ "$2" != -- ]; then
	echo "sshtest's sudo knows only: sudo -n -- COMMAND" >&2
	exit 99
fi
shift 2
if [ -e "${0%/*}/sudo-password" ]; then
	echo "sudo: a password is required" >&2
	exit 1
fi
roots=${0%/*}/programs
if [ "$1" = /usr/bin/env ] && [ -x "$roots$2" ]; then shift; fi
if [ -x "$roots$1" ]; then
	program=$roots$1
	shift
	set -- "$program" "$@"
fi
SSHTEST_ROOT=yes exec "$@"
`

const cloudInit = `#!/bin/sh
if [ "$*" != "status --format json" ]; then
	echo "sshtest's cloud-init knows only: status --format json" >&2
	exit 99
fi
cat "${0%/*}/cloud-init-answer"
exit "$(cat "${0%/*}/cloud-init-code")"
`

// ls sees cloud-init's marker of this server, not that of the machine below.
const ls = `#!/bin/sh
if [ "$*" = /etc/cloud/cloud-init.disabled ]; then set -- "${0%/*}/cloud-init-off"; fi
exec /bin/ls "$@"
`

// id keeps to the roles, whoever runs the tests.
const id = `#!/bin/sh
if [ "$*" != -u ]; then
	exec /usr/bin/id "$@"
elif [ "$SSHTEST_ROOT" = yes ]; then
	echo 0
else
	echo 1000
fi
`

// These let somebody who is not root test what root would do.
const (
	installAsUser = `#!/bin/sh
skip=no
for word; do
	shift
	if [ $skip = yes ]; then skip=no; continue; fi
	case $word in -o | -g) skip=yes ;; *) set -- "$@" "$word" ;; esac
done
exec /usr/bin/install "$@"
`
	statAsRoot = `#!/bin/sh
answer=$(/usr/bin/stat "$@") || exit
printf '%s\n' "$answer" | sed "s/ $(/usr/bin/id -u) $(/usr/bin/id -g) / 0 0 /"
`
)

func newShims(t testing.TB) shims {
	t.Helper()
	s := shims{t, t.TempDir()}
	s.write("sudo", sudo)
	s.write("cloud-init", cloudInit)
	s.write("id", id)
	s.write("ls", ls)
	if os.Geteuid() != 0 {
		s.write("install", installAsUser)
		s.write("stat", statAsRoot)
	}
	s.cloudInit(`{"status": "done"}`, 0)
	return s
}

func (s shims) write(name, content string) {
	// No fork may inherit the open file: a program that somebody has open for
	// writing cannot be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	// Renamed into place: a command may be reading it.
	part := filepath.Join(s.dir, filepath.Dir(name), "."+filepath.Base(name))
	if err := os.WriteFile(part, []byte(content), 0o755); err != nil {
		s.t.Error(err)
	}
	if err := os.Rename(part, filepath.Join(s.dir, name)); err != nil {
		s.t.Error(err)
	}
}

// program puts a script in the place of the program at an absolute path, for
// those who call it by sudo.
func (s shims) program(path, script string) {
	at := filepath.Join("programs", path)
	if err := os.MkdirAll(filepath.Join(s.dir, filepath.Dir(at)), 0o755); err != nil {
		s.t.Error(err)
	}
	s.write(at, script)
}

func (s shims) sudoPassword(on bool) {
	if on {
		s.write("sudo-password", "")
		return
	}
	if err := os.Remove(filepath.Join(s.dir, "sudo-password")); err != nil {
		s.t.Error(err)
	}
}

func (s shims) cloudInit(answer string, code int) {
	s.write("cloud-init-answer", answer)
	s.write("cloud-init-code", fmt.Sprint(code))
}

func (s shims) cloudInitOff() { s.write("cloud-init-off", "") }
