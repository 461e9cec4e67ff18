package fakepve

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

var upidForm = regexp.MustCompile(`^UPID:[^:\s]+:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s/]+:[^:\s/]*:[^:\s/]+:$`)

func taskRoutes() []route {
	const one = "/nodes/{node}/tasks/{upid}"
	return []route{
		{method: http.MethodGet, pattern: "/nodes/{node}/tasks", run: listTasks, schema: takes(nil).and(map[string]check{
			"start": atLeast(0), "limit": atLeast(0), "vmid": vmidValue, "typefilter": text, "userfilter": text,
			"errors": boolean, "since": atLeast(0), "until": atLeast(0), "source": oneOf("archive", "active", "all")})},
		{method: http.MethodGet, pattern: one + "/status", run: taskStatus},
		{method: http.MethodGet, pattern: one + "/log", run: taskLog,
			schema: takes(nil).and(map[string]check{"start": atLeast(0), "limit": atLeast(0)})},
		{method: http.MethodDelete, pattern: one, run: stopTask},
	}
}

// mine reports whether a token may see a task without further rights: a token
// sees its own, a user those of all its tokens too.
func (c *call) mine(t task) bool {
	user, _, _ := strings.Cut(t.User, "!")
	return c.who == t.User || c.who == user
}

// theTask finds the task of a path, for those who may have it.
func (c *call) theTask(privilege string) (task, error) {
	upid := c.vars["upid"]
	if !upidForm.MatchString(upid) {
		return task{}, invalid("upid", "unable to parse worker upid")
	}
	c.srv.mu.Lock()
	i := slices.IndexFunc(c.srv.state.Tasks, func(t *task) bool { return t.UPID == upid })
	var t task
	if i >= 0 {
		t = *c.srv.state.Tasks[i]
		t.Log = slices.Clone(t.Log)
	}
	c.srv.mu.Unlock()
	if i < 0 {
		return task{}, invalid("upid", "no such task")
	}
	if !c.mine(t) {
		return t, c.check("/nodes/"+c.vars["node"], privilege)
	}
	return t, nil
}

func (t task) document(node string) map[string]any {
	doc := map[string]any{"upid": t.UPID, "node": node, "pid": t.PID, "pstart": t.Begin, "starttime": t.Start,
		"type": t.Type, "id": t.ID}
	user, token, ok := strings.Cut(t.User, "!")
	doc["user"] = user
	if ok {
		doc["tokenid"] = token
	}
	return doc
}

func taskStatus(c *call) (any, error) {
	t, err := c.theTask("Sys.Audit")
	if err != nil {
		return nil, err
	}
	doc := t.document(c.vars["node"])
	doc["status"] = "running"
	if t.End != 0 {
		doc["status"], doc["exitstatus"] = "stopped", t.Exit
	}
	return doc, nil
}

func taskLog(c *call) (any, error) {
	t, err := c.theTask("Sys.Audit")
	if err != nil {
		return nil, err
	}
	start, limit := min(c.args.number("start", 0), len(t.Log)), c.args.number("limit", 50)
	lines := []map[string]any{}
	for i := start; i < len(t.Log) && i < start+limit; i++ {
		lines = append(lines, map[string]any{"n": i + 1, "t": t.Log[i]})
	}
	if len(t.Log) == 0 {
		lines = append(lines, map[string]any{"n": 1, "t": "no content"})
	}
	return lines, nil
}

func stopTask(c *call) (any, error) {
	if _, err := c.theTask("Sys.Modify"); err != nil {
		return nil, err
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	if cancel := c.srv.cancels[c.vars["upid"]]; cancel != nil {
		cancel()
	}
	return nil, nil
}

// listTasks gives finished tasks, newest first, and with source the running
// ones too.
func listTasks(c *call) (any, error) {
	auditor := c.may("/nodes/"+c.vars["node"], "Sys.Audit")
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	out := []map[string]any{}
	start, limit := c.args.number("start", 0), c.args.number("limit", 50)
	for _, t := range slices.Backward(c.srv.state.Tasks) {
		if !(auditor || c.mine(*t)) || !c.wantsTask(t) {
			continue
		}
		if start--; start >= 0 || len(out) >= limit {
			continue
		}
		doc := t.document(c.vars["node"])
		doc["status"] = "RUNNING"
		if t.End != 0 {
			doc["endtime"], doc["status"] = t.End, t.Exit
		}
		out = append(out, doc)
	}
	return out, nil
}

func inSource(source string, active bool) bool {
	return source == "all" || active == (source == "active")
}

func (c *call) wantsTask(t *task) bool {
	failed := t.Exit != "OK" && !strings.HasPrefix(t.Exit, "WARNINGS: ")
	switch {
	case !inSource(orElse(c.args.get("source"), "archive"), t.End == 0):
	case c.args.has("vmid") && t.ID != c.args.get("vmid"):
	case c.args.has("typefilter") && t.Type != c.args.get("typefilter"):
	case c.args.has("userfilter") && !strings.Contains(strings.ToLower(t.User), strings.ToLower(c.args.get("userfilter"))):
	case c.args.yes("errors") && !failed:
	case t.Start < int64(c.args.number("since", 0)), t.Start > int64(c.args.number("until", 1<<62)):
	default:
		return true
	}
	return false
}
