package hardening

import (
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/hardening/firewall"
)

// Units that run K3s on a node.
const (
	k3sServerUnit = "k3s.service"
	k3sAgentUnit  = "k3s-agent.service"
)

// kubeProxyPorts are those at which kube-proxy, wherever it runs, answers for
// its health and its metrics.
func kubeProxyPorts() []int { return []int{10249, 10256} }

// k3sParts is which of K3s' parts run here that keep rules.
type k3sParts struct{ k3s, proxy, flannel bool }

func partsOf(f *facts.Facts) k3sParts {
	return k3sParts{
		k3s:     isRunning(f.Units[k3sServerUnit]) || isRunning(f.Units[k3sAgentUnit]),
		proxy:   slices.ContainsFunc(f.Listeners, func(l facts.Listener) bool { return l.Proto == "tcp" && slices.Contains(kubeProxyPorts(), l.Port) }),
		flannel: slices.Contains(f.Firewall.Links, podOverlay),
	}
}

// checkForeign wants the rules of K3s' parts there, where those parts run, and
// iptables able to read them: K3s panics where it is not.
func checkForeign(f *facts.Facts, _ Policy) Verdict {
	const want = "chains KUBE-* and FLANNEL-* there, and nothing in iptables' tables that iptables cannot read"
	wrong, runs := slices.Clone(f.Firewall.Breaks), partsOf(f)
	if runs.k3s && runs.proxy && f.Firewall.Kube == 0 {
		wrong = append(wrong, "kube-proxy runs, and there is no chain KUBE-*: somebody flushed its rules")
	}
	// Without kube-proxy, which runs beside it, somebody else made the interface.
	if runs.k3s && runs.proxy && runs.flannel && f.Firewall.Flannel == 0 {
		wrong = append(wrong, "interface "+podOverlay+" is there, and there is no chain FLANNEL-*: somebody flushed its rules")
	}
	if why := runs.nothingToKeep(f.Firewall); len(wrong) == 0 && why != "" {
		return Verdict{Status: NotApplicable, Evidence: []string{why}}
	}
	return decide(wrong, fmt.Sprintf("%d chains KUBE-*, %d chains FLANNEL-*, %d rules that break iptables", f.Firewall.Kube, f.Firewall.Flannel, len(f.Firewall.Breaks)), want)
}

// nothingToKeep is why no rules of K3s are expected, or "".
func (k k3sParts) nothingToKeep(f *facts.Firewall) string {
	switch {
	case !k.k3s:
		return "K3s does not run here, so it keeps no rules"
	case !k.proxy && f.Kube == 0:
		return "K3s runs without kube-proxy: nothing listens at port 10249 or 10256, and there is no chain KUBE-*"
	}
	return ""
}

// checkLogged wants every rule of ours that drops to count, and a log line
// that cannot flood the disk before the last word of every chain.
func checkLogged(f *facts.Facts, _ Policy) Verdict {
	const want = "every rule that drops counts, and each chain at a hook logs with a rate limit"
	if f.Firewall.Own == nil {
		return decide([]string{"no table inet k3sedge"}, "no table", want)
	}
	var wrong []string
	hooks := 0
	for _, chain := range f.Firewall.Own.Chains {
		if chain.Hook == "" {
			continue
		}
		hooks++
		if !slices.ContainsFunc(chain.Rules, logsGently) {
			wrong = append(wrong, "chain "+chain.Name+": logs nothing")
		}
		for i, rule := range chain.Rules {
			if gap := logGap(rule); gap != "" {
				wrong = append(wrong, fmt.Sprintf("chain %s: rule %d: %s: %s", chain.Name, i+1, f.Firewall.Own.Describe(rule), gap))
			}
		}
	}
	if hooks == 0 {
		wrong = append(wrong, "table inet k3sedge has no chain at a hook")
	}
	return decide(wrong, fmt.Sprintf("%d gaps in %d chains", len(wrong), hooks), want)
}

// logsGently tells whether a rule logs, behind a limit.
func logsGently(rule firewall.Rule) bool {
	limit, log := indexOf(rule, "limit"), indexOf(rule, "log")
	return limit >= 0 && limit < log
}

// logGap is what a rule lacks of counting and of logging with measure.
func logGap(rule firewall.Rule) string {
	switch {
	case indexOf(rule, "log") >= 0 && !logsGently(rule):
		return "logs without a limit"
	case drops(rule) && indexOf(rule, "counter") < 0:
		return "does not count"
	}
	return ""
}

func indexOf(rule firewall.Rule, kind string) int {
	return slices.IndexFunc(rule.Exprs, func(e firewall.Expr) bool { return e.Kind == kind })
}

func drops(rule firewall.Rule) bool {
	return slices.ContainsFunc(rule.Exprs, func(e firewall.Expr) bool {
		return e.Kind == "reject" || e.Kind == "verdict" && e.Args["verdict"] == "drop"
	})
}
