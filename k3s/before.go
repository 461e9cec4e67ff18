package k3s

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// maxSkew is how far a node's clock may be off. Certificates are valid from
// the minute in which they are made.
const maxSkew = 30 * time.Second

// checkRole finds a node that was of the other role: what K3s keeps of it
// would not go away by itself.
func checkRole(_ context.Context, v *view, now *seen) ([]converge.Change, error) {
	u, err := now.unit(otherUnit(v.node.Role))
	if err != nil {
		return nil, err
	}
	if u.Active == "active" || u.Active == "activating" || u.File == "enabled" {
		return change(otherUnit(v.node.Role), u.Active+", "+u.File, "not there: the node is "+article(v.node.Role)), nil
	}
	return nil, nil
}

func roleError(node string, is converge.Change) error {
	return machine.WithHint(fmt.Errorf("%s has %s (%s), wanted %s", node, is.ID, is.Have, is.Want),
		"give %s its old role in k3sedge.yaml, or make the machine anew", node)
}

func article(r inventory.Role) string {
	if r == inventory.Agent {
		return "an agent"
	}
	return "a server"
}

func checkClock(_ context.Context, v *view, now *seen) ([]converge.Change, error) {
	if now.Time.IsZero() {
		return nil, now.failed("time", "clock of "+v.node.Name)
	}
	if now.skew.Abs() > maxSkew {
		return change("clock", off(now.skew), fmt.Sprintf("within %s of this machine's", maxSkew)), nil
	}
	return nil, nil
}

// off says how far a clock is off.
func off(skew time.Duration) string {
	side := "ahead"
	if skew < 0 {
		side = "behind"
	}
	return fmt.Sprintf("%s %s", skew.Abs().Round(time.Second), side)
}

func clockError(node string, is converge.Change) error {
	return machine.WithHint(fmt.Errorf("the clock of %s is %s of this machine's: certificates would not be valid there", node, is.Have), clockHint)
}

const clockHint = "`timedatectl` shows a clock, `sudo systemctl restart systemd-timesyncd` sets it; compare all nodes, this machine, and the Proxmox host, from which a VM has its first time"

// ports are those that K3s and the edge listen on, and who would find out late.
func (v *view) ports() []uint16 {
	if v.node.Role == inventory.Server {
		return []uint16{80, 443, portAPI, portKubelet}
	}
	return []uint16{80, 443, portKubelet}
}

const (
	portAPI     = 6443
	portKubelet = 10250
)

// checkPorts looks before K3s was ever started: later they are its own.
func checkPorts(_ context.Context, v *view, now *seen) ([]converge.Change, error) {
	started, err := v.everStarted(now)
	if err != nil || started {
		return nil, err
	}
	if len(now.Ports) == 0 {
		return nil, now.failed("ports", "listeners of "+v.node.Name) // sshd listens, at least
	}
	var out []converge.Change
	for _, p := range now.Ports {
		if p.Proto == "tcp" && slices.Contains(v.ports(), p.Port) {
			out = append(out, converge.Change{ID: fmt.Sprintf("port %d", p.Port), Have: fmt.Sprintf("%s has it at %s", processName(p.Process), p.Address), Want: "free"})
		}
	}
	return out, nil
}

func processName(name string) string {
	if name == "" {
		return "a program that is not named"
	}
	return name
}

func portsError(node string, is converge.Change) error {
	return machine.WithHint(fmt.Errorf("%s of %s is taken: %s", is.ID, node, is.Have),
		"stop that program for good, such as `sudo systemctl disable --now apache2` on %s; `sudo ss -ltnp` shows all listeners", node)
}

// everStarted reports whether K3s runs, or was started by us before.
func (v *view) everStarted(now *seen) (bool, error) {
	u, err := now.unit(unitOf(v.node.Role))
	if err != nil {
		return false, err
	}
	m, err := now.marker()
	return m.SHA256 != "" || u.Active == "active" || u.Active == "activating", err
}

// kernelSetting is a value without which the kubelet or Traefik does not start.
type kernelSetting struct{ key, want string }

// kernelSettings are what protect-kernel-defaults demands (kubelet,
// setupKernelTunables), and what lets Traefik have its ports without being root.
func kernelSettings() []kernelSetting {
	return []kernelSetting{
		{"vm.overcommit_memory", "1"}, {"vm.panic_on_oom", "0"}, {"kernel.panic", "10"}, {"kernel.panic_on_oops", "1"},
		{"kernel.keys.root_maxkeys", "1000000"}, {"kernel.keys.root_maxbytes", "25000000"},
		{"net.ipv4.ip_unprivileged_port_start", "80"},
	}
}

// checkKernel leaves out what belongs to the machine that a container runs on.
func checkKernel(_ context.Context, _ *view, now *seen) ([]converge.Change, error) {
	container, err := now.file(containerPath)
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	for _, k := range kernelSettings() {
		if !container.Absent && !strings.HasPrefix(k.key, "net.") {
			continue
		}
		have, ok := now.Sysctls[k.key]
		switch {
		case !ok && now.Failed["sysctls"] != "":
			return out, now.failed("sysctls", k.key)
		case !ok:
			out = append(out, converge.Change{ID: k.key, Have: "not in this kernel", Want: k.want})
		case have != k.want:
			out = append(out, converge.Change{ID: k.key, Have: have, Want: k.want})
		}
	}
	return out, nil
}

func kernelError(node string, is converge.Change) error {
	return machine.WithHint(fmt.Errorf("%s is %s on %s: K3s would not start, or Traefik would not get its ports; wanted %s", is.ID, is.Have, node, is.Want),
		"run `k3sedge harden`, which sets it")
}
