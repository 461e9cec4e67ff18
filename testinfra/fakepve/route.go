package fakepve

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// route is one method of one path, with the checks in the order in which
// Proxmox VE makes them: the right to call, the parameters, the work.
type route struct {
	method, pattern string
	schema          schema
	allow           rule // nil lets every token call
	run             func(*call) (any, error)
	// tasked routes answer with a task; faults of a task then go to the task.
	tasked bool
}

// call is one request on its way through a route.
type call struct {
	ctx    context.Context
	srv    *Server
	who    string // token or user
	vars   map[string]string
	args   params
	fault  *Fault
	upload *uploaded
	upid   string
	// lingers: the task calls linger itself.
	lingers bool
	// undo takes back what was done before the task, if that never does its work.
	undo func() error
}

func (c *call) undone(cause error) error {
	if c.undo == nil {
		return cause
	}
	return errors.Join(cause, c.undo())
}

// routes lists all that the stand-in was taught.
func routes() []route {
	var all []route
	for _, some := range [][]route{
		accessRoutes(), clusterRoutes(), nodeRoutes(), taskRoutes(), storageRoutes(), contentRoutes(),
		createRoutes(), configRoutes(), powerRoutes(), cloneRoutes(), snapshotRoutes(), agentRoutes(),
	} {
		all = append(all, some...)
	}
	return all
}

// find matches a method and an escaped path below /api2/json.
func find(all []route, method, path string) (route, map[string]string, bool) {
	have := strings.Split(strings.Trim(path, "/"), "/")
	for _, r := range all {
		if vars, ok := match(strings.Split(strings.Trim(r.pattern, "/"), "/"), have); ok && r.method == method {
			return r, vars, true
		}
	}
	return route{}, nil, false
}

// match compares segment by segment; {name} takes one, {name...} the rest.
func match(want, have []string) (map[string]string, bool) {
	vars := map[string]string{}
	for i, w := range want {
		if i >= len(have) {
			return nil, false
		}
		name, isVar := strings.CutPrefix(w, "{")
		value, err := url.PathUnescape(have[i])
		switch {
		case err != nil:
			return nil, false
		case strings.HasSuffix(name, "...}"):
			rest, err := url.PathUnescape(strings.Join(have[i:], "/"))
			vars[strings.TrimSuffix(name, "...}")] = rest
			return vars, err == nil
		case isVar:
			vars[strings.TrimSuffix(name, "}")] = value
		case w != value:
			return nil, false
		}
	}
	return vars, len(want) == len(have)
}
