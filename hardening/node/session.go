package node

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// maxAncestors ends the walk where /proc lies about parents.
const maxAncestors = 64

// session finds how the operator came in. sudo takes SSH_CONNECTION out of
// our own environment, so the processes above us are asked.
func (h Host) session() (*facts.Session, error) {
	pid := h.PID
	for range maxAncestors {
		if pid <= 1 {
			break
		}
		env, err := h.environ(pid)
		if err != nil {
			return nil, fmt.Errorf("read environment of process %d: %w", pid, err)
		}
		if connection := env["SSH_CONNECTION"]; connection != "" {
			return parseSession(connection, env["USER"])
		}
		if pid, err = h.parent(pid); err != nil {
			return nil, fmt.Errorf("find parent process: %w", err)
		}
	}
	return nil, errors.New("no process above the agent has an SSH connection")
}

// parseSession reads "client-address client-port server-address server-port".
func parseSession(connection, user string) (*facts.Session, error) {
	fields := strings.Fields(connection)
	if len(fields) != 4 {
		return nil, fmt.Errorf("SSH_CONNECTION %q: want four fields", connection)
	}
	port, err := strconv.Atoi(fields[3])
	if err != nil {
		return nil, fmt.Errorf("SSH_CONNECTION %q: %w", connection, err)
	}
	return &facts.Session{User: user, ClientAddr: fields[0], ServerAddr: fields[2], ServerPort: port}, nil
}

func (h Host) environ(pid int) (map[string]string, error) {
	b, err := os.ReadFile(h.path(fmt.Sprintf("/proc/%d/environ", pid)))
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for entry := range strings.SplitSeq(string(b), "\x00") {
		if key, value, found := strings.Cut(entry, "="); found {
			env[key] = value
		}
	}
	return env, nil
}

// parent reads the fourth field of stat. The second one is the program's name
// in brackets and may hold anything, so the fields are counted from its end.
func (h Host) parent(pid int) (int, error) {
	b, err := os.ReadFile(h.path(fmt.Sprintf("/proc/%d/stat", pid)))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/stat has no parent", pid)
	}
	return strconv.Atoi(fields[1])
}
