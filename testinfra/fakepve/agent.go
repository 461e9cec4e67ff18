package fakepve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// agentNeeds maps what an agent call needs on version 9; version 8 has only
// VM.Monitor.
func agentNeeds(privs ...string) rule {
	return func(c *call) error {
		if c.srv.opts.Major == 8 {
			return allOf("/vms/{vmid}", "VM.Monitor")(c)
		}
		return anyOf("/vms/{vmid}", append(privs, "VM.GuestAgent.Unrestricted")...)(c)
	}
}

func agentRoutes() []route {
	const agent = "/nodes/{node}/qemu/{vmid}/agent/"
	audit, all := agentNeeds("VM.GuestAgent.Audit"), agentNeeds()
	return []route{
		{method: http.MethodPost, pattern: agent + "ping", run: agentPing, allow: audit},
		{method: http.MethodGet, pattern: agent + "network-get-interfaces", run: agentInterfaces, allow: audit},
		{method: http.MethodGet, pattern: agent + "get-osinfo", run: agentOSInfo, allow: audit},
		{method: http.MethodGet, pattern: agent + "get-host-name", run: agentHostName, allow: audit},
		{method: http.MethodGet, pattern: agent + "file-read", run: agentFileRead, allow: agentNeeds("VM.GuestAgent.FileRead"),
			schema: takes(map[string]check{"file": text})},
		{method: http.MethodPost, pattern: agent + "exec", run: agentExec, allow: all,
			schema: takes(map[string]check{"command": text}).and(map[string]check{"input-data": text})},
		{method: http.MethodGet, pattern: agent + "exec-status", run: agentExecStatus, allow: all,
			schema: takes(map[string]check{"pid": atLeast(1)})},
	}
}

// inGuest runs a command as the agent does, if there is one.
func (c *call) inGuest(stdin string, argv ...string) (Result, error) {
	id := c.vmid()
	v, err := c.srv.load(id)
	if err != nil {
		return Result{}, err
	}
	p, err := parseProperty(v.Config["agent"])
	switch {
	case err != nil || (p.bare != "1" && p.values["enabled"] != "1"):
		return Result{}, die("No QEMU guest agent configured")
	case !c.srv.opts.Hypervisor.Running(id):
		return Result{}, die("VM %d is not running", id)
	}
	res, err := c.srv.opts.Hypervisor.Exec(c.ctx, id, Command{Argv: argv, Stdin: []byte(stdin)})
	if errors.Is(err, ErrNoAgent) {
		return res, die("QEMU guest agent is not running")
	}
	return res, err
}

func agentPing(c *call) (any, error) {
	if _, err := c.inGuest("", "true"); err != nil {
		return nil, err
	}
	return map[string]any{"result": map[string]any{}}, nil
}

// ipLink is what "ip -j addr" says of a link.
type ipLink struct {
	Name  string `json:"ifname"`
	MAC   string `json:"address"`
	Addrs []struct {
		Family string `json:"family"`
		Local  string `json:"local"`
		Prefix int    `json:"prefixlen"`
	} `json:"addr_info"`
}

func agentInterfaces(c *call) (any, error) {
	res, err := c.inGuest("", "ip", "-j", "addr")
	if err != nil {
		return nil, err
	}
	var links []ipLink
	if err := json.Unmarshal(res.Stdout, &links); err != nil {
		return nil, die("Agent error: %v", err)
	}
	out := []map[string]any{}
	for _, l := range links {
		addrs := []map[string]any{}
		for _, a := range l.Addrs {
			kind := map[string]string{"inet": "ipv4", "inet6": "ipv6"}[a.Family]
			addrs = append(addrs, map[string]any{"ip-address-type": kind, "ip-address": a.Local, "prefix": a.Prefix})
		}
		out = append(out, map[string]any{"name": l.Name, "hardware-address": l.MAC, "ip-addresses": addrs})
	}
	return map[string]any{"result": out}, nil
}

func agentOSInfo(c *call) (any, error) {
	res, err := c.inGuest("", "cat", "/etc/os-release")
	if err != nil {
		return nil, err
	}
	doc := map[string]string{}
	names := map[string]string{"NAME": "name", "PRETTY_NAME": "pretty-name", "VERSION": "version", "VERSION_ID": "version-id", "ID": "id"}
	for lines := bufio.NewScanner(bytes.NewReader(res.Stdout)); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if to := names[name]; ok && to != "" {
			doc[to] = strings.Trim(value, `"`)
		}
	}
	return map[string]any{"result": doc}, nil
}

func agentHostName(c *call) (any, error) {
	res, err := c.inGuest("", "hostname")
	if err != nil {
		return nil, err
	}
	return map[string]any{"result": map[string]string{"host-name": strings.TrimSpace(string(res.Stdout))}}, nil
}

func agentFileRead(c *call) (any, error) {
	res, err := c.inGuest("", "cat", "--", c.args.get("file"))
	if err != nil {
		return nil, err
	}
	if res.Exit != 0 {
		return nil, die("Agent error: failed to open file '%s': No such file or directory", c.args.get("file"))
	}
	return map[string]any{"content": string(res.Stdout), "bytes-read": len(res.Stdout)}, nil
}

// program is a command that a guest agent was asked to run.
type program struct {
	ended bool
	res   Result
}

// agentExec starts the command and answers with its number. It goes on when
// the client has gone; whether the agent answers at all is known at once.
func agentExec(c *call) (any, error) {
	if _, err := c.inGuest("", "true"); err != nil {
		return nil, err
	}
	id, srv := c.vmid(), c.srv
	order := Command{Argv: slices.Clone(c.args["command"]), Stdin: []byte(c.args.get("input-data"))}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.lastExec++
	pid := srv.lastExec
	srv.execs[pid] = &program{}
	srv.tasks.Go(func() {
		res, err := srv.opts.Hypervisor.Exec(srv.base, id, order)
		srv.mu.Lock()
		defer srv.mu.Unlock()
		if err != nil { // the machine went away under it, and its agent with it
			delete(srv.execs, pid)
			return
		}
		*srv.execs[pid] = program{true, res}
	})
	return map[string]int{"pid": pid}, nil
}

// agentExecStatus tells of a command once: the agent forgets one that has
// ended when it has said so.
func agentExecStatus(c *call) (any, error) {
	if _, err := c.inGuest("", "true"); err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(c.args.get("pid"))
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	p := c.srv.execs[pid]
	if err != nil || p == nil {
		return nil, die("Agent error: PID %s does not exist", c.args.get("pid"))
	}
	if !p.ended {
		return map[string]any{"exited": 0}, nil
	}
	delete(c.srv.execs, pid)
	doc := map[string]any{"exited": 1, "exitcode": p.res.Exit}
	if len(p.res.Stdout) > 0 {
		doc["out-data"] = string(p.res.Stdout)
	}
	if len(p.res.Stderr) > 0 {
		doc["err-data"] = string(p.res.Stderr)
	}
	return doc, nil
}
