package hardening

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// traefikNamespace and traefikName are where K3s puts its Traefik.
const (
	traefikNamespace = "kube-system"
	traefikLabel     = "app.kubernetes.io/name"
	traefikApp       = "traefik"
)

// traefikHere is Traefik's pod on the policy's node.
func traefikHere(f *facts.Facts, p Policy) (facts.Pod, bool) {
	for _, pod := range f.Cluster.Pods {
		if pod.Namespace == traefikNamespace && pod.Labels[traefikLabel] == traefikApp && pod.Node == p.Node && pod.Phase == "Running" {
			return pod, true
		}
	}
	return facts.Pod{}, false
}

func noTraefik(p Policy) Verdict {
	return unknown("no pod of Traefik runs on " + p.Node + ": `k3sedge up` brings it, `k3sedge status` says what keeps it")
}

func checkConfined(f *facts.Facts, p Policy) Verdict {
	pod, ok := traefikHere(f, p)
	if !ok {
		return noTraefik(p)
	}
	var wrong []string
	say := func(where, format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("pod %s%s: ", pod.Name, where)+fmt.Sprintf(format, args...))
	}
	if pod.HostPID {
		say("", "hostPID: true")
	}
	if slices.Contains(pod.Volumes, "hostPath") {
		say("", "a volume of the host (hostPath)")
	}
	for _, c := range pod.Containers {
		where := ", container " + c.Name
		for _, w := range loose(pod, c) {
			say(where, "%s", w)
		}
	}
	if len(pod.Containers) == 0 {
		return unknown("pod " + pod.Name + " has no containers")
	}
	have := fmt.Sprintf("pod %s: non-root, capabilities %v dropped, root file system read-only, seccomp RuntimeDefault", pod.Name, pod.Containers[0].Drop)
	if len(wrong) > 0 {
		have = strings.Join(wrong, "; ")
	}
	return decide(wrong, have, "not root, no capability but NET_BIND_SERVICE, a read-only root file system, no new privileges, seccomp RuntimeDefault, nothing of the host but its network")
}

// loose is what a container may that it need not. What it does not say itself
// is its pod's.
func loose(pod facts.Pod, c facts.Container) []string {
	var out []string
	add := func(is bool, what string) {
		if is {
			out = append(out, what)
		}
	}
	user, nonRoot, seccomp := c.User, c.NonRoot, c.Seccomp
	if user == nil {
		user = pod.User
	}
	if nonRoot == nil {
		nonRoot = pod.NonRoot
	}
	if seccomp == "" {
		seccomp = pod.Seccomp
	}
	add(c.Privileged, "privileged: true")
	add(user != nil && *user == 0, "runAsUser: 0")
	add(nonRoot == nil || !*nonRoot, "runAsNonRoot is not true")
	add(c.Escalation == nil || *c.Escalation, "allowPrivilegeEscalation is not false")
	add(!c.ReadOnlyRoot, "readOnlyRootFilesystem is not true")
	add(!slices.Contains(c.Drop, "ALL"), "capabilities.drop has no ALL")
	for _, capability := range c.Add {
		add(capability != "NET_BIND_SERVICE", "capabilities.add: "+capability)
	}
	add(seccomp != "RuntimeDefault" && seccomp != "Localhost", "seccompProfile is not RuntimeDefault")
	return out
}

// traefikArgs are Traefik's arguments by their names in lower case, as Traefik
// itself compares them: behind one dash or two, a list that is named again goes
// on. A file beside them would overrule what is seen here, so that it makes the
// answer unknown.
type traefikArgs map[string]string

func argsOf(pod facts.Pod) (traefikArgs, string) {
	args := traefikArgs{}
	for _, c := range pod.Containers {
		if c.Init {
			continue
		}
		for _, a := range c.Args {
			flag, isFlag := strings.CutPrefix(a, "-")
			if !isFlag {
				continue
			}
			key, value, has := strings.Cut(strings.TrimPrefix(flag, "-"), "=")
			if key = strings.ToLower(key); !has {
				value = "true"
			}
			if before, again := args[key]; again && strings.HasSuffix(key, ".trustedips") {
				value = before + "," + value
			}
			args[key] = value
		}
	}
	if file := args["configfile"]; file != "" {
		return nil, "Traefik reads " + file + ", which is not looked at"
	}
	if len(args) == 0 {
		return nil, "pod " + pod.Name + " shows no argument of Traefik"
	}
	return args, ""
}

// on reads a switch as Traefik does, which takes 1 and t as well.
func (a traefikArgs) on(key string) bool {
	on, err := strconv.ParseBool(a[strings.ToLower(key)])
	return err == nil && on
}

// entries are the entrypoints and their addresses, without the protocol.
func (a traefikArgs) entries() map[string]string {
	out := map[string]string{}
	for key, value := range a {
		parts := strings.Split(key, ".")
		if len(parts) == 3 && parts[0] == "entrypoints" && parts[2] == "address" {
			out[parts[1]], _, _ = strings.Cut(value, "/")
		}
	}
	return out
}

// The entrypoints that are for clients.
const (
	entryWeb    = "web"
	entrySecure = "websecure"
	entryTunnel = "tunnel"
)

func loopbackOnly(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// traefikArgsHere are those of the node's Traefik, or the verdict that they cannot be had.
func traefikArgsHere(f *facts.Facts, p Policy) (traefikArgs, *Verdict) {
	pod, ok := traefikHere(f, p)
	if !ok {
		v := noTraefik(p)
		return nil, &v
	}
	args, why := argsOf(pod)
	if why != "" {
		v := unknown(why)
		return nil, &v
	}
	return args, nil
}

func checkInnerPorts(f *facts.Facts, p Policy) Verdict {
	args, blind := traefikArgsHere(f, p)
	if blind != nil {
		return *blind
	}
	var wrong []string
	if args.on("api.insecure") {
		wrong = append(wrong, "--api.insecure=true")
	}
	for _, name := range sorted(args.entries()) {
		if address := args.entries()[name]; name != entryWeb && name != entrySecure && !loopbackOnly(address) {
			wrong = append(wrong, fmt.Sprintf("--entrypoints.%s.address=%s", name, address))
		}
	}
	open, unseen := openPorts(f, p)
	wrong = slices.Concat(wrong, innerRoutes(f.Cluster.Edge), open)
	return settle(wrong, unseen, fmt.Sprintf("no api.insecure, and nothing answers at %s on %v", p.Address, innerPorts()),
		"the dashboard, the API, the metrics and the tunnel's entrypoint on loopback only")
}

// innerRoutes lead clients to what Traefik serves itself.
func innerRoutes(e facts.Edge) []string {
	forClients := func(entry string) bool { return entry == entryWeb || entry == entrySecure || entry == entryTunnel }
	var out []string
	for _, r := range e.IngressRoutes {
		for _, s := range r.Services {
			if isInternal(s) && (len(r.Entries) == 0 || slices.ContainsFunc(r.Entries, forClients)) {
				out = append(out, fmt.Sprintf("%s sends clients to %s", nameOf(r), s))
			}
		}
	}
	return out
}

// openPorts are those of the inner ports that answer at the node's own address.
func openPorts(f *facts.Facts, p Policy) (open, unseen []string) {
	for _, port := range innerPorts() {
		a, ok := f.Wire[dialPort(port)]
		at := hostPort(p.Address, port)
		switch {
		case !ok:
			unseen = append(unseen, dialPort(port)+": the agent did not try it")
		case a.Outcome == look.Answered:
			open = append(open, at+" answers")
		case a.Outcome != look.Refused:
			unseen = append(unseen, fmt.Sprintf("%s: %s", at, words(a)))
		}
	}
	return open, unseen
}

func checkForwarded(f *facts.Facts, p Policy) Verdict {
	args, blind := traefikArgsHere(f, p)
	if blind != nil {
		return *blind
	}
	var wrong []string
	want := map[string][]netip.Prefix{}
	if p.Cluster.Edge.Mode == inventory.EdgePortForward {
		want[entryWeb], want[entrySecure] = p.Cluster.Edge.Trusted, p.Cluster.Edge.Trusted
	}
	have := []string{}
	for _, name := range sorted(args.entries()) {
		for _, what := range []string{"forwardedheaders", "proxyprotocol"} {
			key := "entrypoints." + name + "." + what
			if args.on(key + ".insecure") {
				wrong = append(wrong, "--"+key+".insecure=true")
			}
			list := args[key+".trustedips"]
			if list != "" {
				have = append(have, fmt.Sprintf("%s: %d networks", name, len(commas(list))))
			}
			if loopbackOnly(args.entries()[name]) {
				continue // whoever is there is the node itself
			}
			wanted := want[name]
			if what == "proxyprotocol" {
				wanted = nil
			}
			for _, difference := range differentNetworks(list, wanted) {
				wrong = append(wrong, fmt.Sprintf("--%s.trustedips: %s", key, difference))
			}
		}
	}
	if len(have) == 0 {
		have = []string{"no entrypoint trusts anybody"}
	}
	return decide(wrong, strings.Join(have, ", "), "trusted in mode "+string(p.Cluster.Edge.Mode)+": "+trustedWords(p))
}

func trustedWords(p Policy) string {
	if p.Cluster.Edge.Mode == inventory.EdgePortForward {
		return fmt.Sprintf("Cloudflare's %d networks and nobody else", len(p.Cluster.Edge.Trusted))
	}
	return "nobody but the node itself"
}

// differentNetworks says what a list has too much or too little.
func differentNetworks(list string, want []netip.Prefix) []string {
	var out []string
	seen := map[netip.Prefix]bool{}
	for _, text := range commas(list) {
		n, err := parseNetwork(text)
		if err != nil || !slices.Contains(want, n) {
			out = append(out, text+" is not one of those to trust")
			continue
		}
		seen[n] = true
	}
	for _, n := range want {
		if !seen[n] {
			out = append(out, n.String()+" is missing, so that its clients are not told apart")
		}
	}
	return out
}

// parseNetwork reads a network, or an address that stands for itself.
func parseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(text)
	return n.Masked(), err
}
