package provision

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// UPID is the id of a task of Proxmox:
// UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER:
type UPID string

// upidText is strict: a UPID becomes a part of URLs.
var upidText = regexp.MustCompile(`^UPID:([A-Za-z0-9.-]+):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:([A-Za-z0-9_-]+):([^:/\s]*):([^:/\s]+):[^/\s]*$`)

var errUPID = errors.New("not the id of a Proxmox task")

// taskName is what a UPID says about its task.
type taskName struct {
	Node, Kind, ID, User string
}

func parseUPID(id UPID) (taskName, error) {
	m := upidText.FindStringSubmatch(string(id))
	if m == nil {
		return taskName{}, fmt.Errorf("%q: %w", id, errUPID)
	}
	return taskName{Node: m[1], Kind: m[2], ID: m[3], User: m[4]}, nil
}

// String is how people read the task: "qmcreate 9001".
func (n taskName) String() string { return strings.TrimSpace(n.Kind + " " + n.ID) }

// TaskStatus is how far a task is.
type TaskStatus struct {
	Running bool
	Exit    string // OK, WARNINGS: n, or the error
}

// TaskError is a task of Proxmox that failed.
type TaskError struct {
	ID   UPID
	Exit string
	Log  []string // the end of its log
}

// Error gives the task, its exit status and the end of its log.
func (e *TaskError) Error() string {
	name := string(e.ID)
	if n, err := parseUPID(e.ID); err == nil {
		name = n.String()
	}
	s := "task " + name + " failed: " + e.Exit
	if len(e.Log) > 0 {
		s += "\n  " + strings.Join(e.Log, "\n  ")
	}
	return s
}
