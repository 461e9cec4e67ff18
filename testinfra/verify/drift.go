package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/verify/probe"
)

// drifts are changes by hand, each with the controls that name it.
func drifts() []struct{ what, script, controls string } {
	return []struct{ what, script, controls string }{
		{"a kernel setting", "sysctl -qw net.ipv4.conf.all.log_martians=0", "KRN-06 KRN-13"},
		{"an open port", "nft add element inet k3sedge tcp4 '{ 0.0.0.0/0 . 7777 }'", "FW-01 FW-14"},
		{"a password login", "sed -i 's/^PasswordAuthentication .*/PasswordAuthentication yes/' /etc/ssh/sshd_config.d/00-k3sedge.conf; systemctl restart ssh", "SSH-01"},
	}
}

// driftMended makes all kinds on one node at once: their controls are
// different ones, so that the report tells them apart.
func driftMended(ctx context.Context, r *Run) (err error) {
	n := r.cluster.Nodes[0]
	script, want := "set -e\n", []string{}
	for _, d := range drifts() {
		script += d.script + "\n"
		want = append(want, words(d.controls)...)
	}
	slices.Sort(want)
	defer r.forget()
	defer r.mend(ctx, &err)
	r.say("on %s: %s", n.Name, strings.ReplaceAll(strings.TrimSpace(script), "\n", "; "))
	if _, err := r.mustOnNode(ctx, n, script, "sudo -n sh -s"); err != nil {
		return err
	}
	a, err := r.look(ctx)
	if err != nil {
		return err
	}
	var f findings
	if got := a.having(hardening.Fail); a.code != 3 || !slices.Equal(got, want) {
		f.add("harden --check ended with %d and names %v, want 3 and %v", a.code, got, want)
	}
	if _, err := r.k3sedge(ctx, 0, "harden"); err != nil {
		f.add("%v", err)
	}
	if len(f) > 0 {
		return f.err()
	}
	if a, err = r.look(ctx); err == nil {
		err = r.allHold(a)
	}
	if err != nil {
		return fmt.Errorf("after harden: %w", err)
	}
	return nil
}

// mend takes drift back where the promise was not kept, or was interrupted.
func (r *Run) mend(ctx context.Context, err *error) {
	if *err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
	defer cancel()
	if _, failed := r.k3sedge(ctx, 0, "harden"); failed != nil {
		r.say("what was made by hand could not be taken back: %v", failed)
	}
}

// lockedOut is a ruleset that lets nobody in any more.
const lockedOut = `add table inet k3sedge
delete table inet k3sedge
table inet k3sedge {
	chain input {
		type filter hook input priority filter - 10; policy drop;
	}
}
`

// agentPath is how a shell on a node finds the agent.
const agentPath = `"$(ls -t /usr/local/lib/k3sedge/k3sedge-node-* | head -n 1)"`

// transaction is a change that locks everybody out.
func transaction(id string, window time.Duration) (string, error) {
	tx := facts.Transaction{ID: id, Ruleset: lockedOut, RulesetPath: "/etc/nftables.d/k3sedge.nft", Window: int(window.Seconds())}
	document, err := json.Marshal(tx)
	return string(document), err
}

// id is another one each time.
func (r *Run) id(what string) string { return fmt.Sprintf("verify-%s-%d", what, time.Now().UnixNano()) }

// window leaves time to see that nobody gets in, on a slow machine too.
func (r *Run) window(ctx context.Context, n inventory.Node) (time.Duration, error) {
	began := time.Now()
	if _, err := r.mustOnNode(ctx, n, "", "true"); err != nil {
		return 0, err
	}
	return max(10*time.Second, min(2*time.Minute, 8*time.Since(began))).Truncate(time.Second), nil
}

// last is the node that is locked: an agent, where there is one, is back soonest.
func (r *Run) last() inventory.Node { return r.cluster.Nodes[len(r.cluster.Nodes)-1] }

// lockOut applies such a change with a client that dies with it.
func lockOut(ctx context.Context, r *Run) error {
	n := r.last()
	window, err := r.window(ctx, n)
	if err != nil {
		return err
	}
	id := r.id("lock-out")
	request, err := transaction(id, window)
	if err != nil {
		return err
	}
	defer r.forget()
	client, kill := context.WithCancel(ctx)
	defer kill()
	ended := make(chan output, 1)
	go func() {
		// The client lives on behind the answer, so that it is really killed.
		o, _ := r.onNode(client, n, request, "sudo -n "+agentPath+" apply; sleep 600")
		ended <- o
	}()
	err = r.await(ctx, converge.Wait{What: n.Name + " no longer lets anybody in", Limit: window + 2*time.Minute}, func() (bool, error) { return r.shut(ctx, n) })
	kill()
	said := <-ended
	if err != nil {
		return fmt.Errorf("%w; the agent said: %s", err, tail(said.stdout+said.stderr))
	}
	if err := r.await(ctx, converge.Wait{What: n.Name + " goes back by itself", Limit: window + 5*time.Minute}, func() (bool, error) {
		shut, err := r.shut(ctx, n)
		return !shut, err
	}); err != nil {
		return brokenError{err.Error()}
	}
	return r.rolledBack(ctx, n, id)
}

// lockOutReboot has the machine itself apply the change, and restart with it
// in force long before its time is over.
func lockOutReboot(ctx context.Context, r *Run) error {
	n := r.last()
	id := r.id("reboot")
	request, err := transaction(id, 10*time.Minute) // the longest there is
	if err != nil {
		return err
	}
	defer r.forget()
	script := "cat >/run/k3sedge-verify.json && systemd-run --quiet --collect --unit=k3sedge-verify sh -c '" +
		agentPath + " apply </run/k3sedge-verify.json >/run/k3sedge-verify.log 2>&1 && test -e /var/lib/k3sedge/pending && systemctl --no-block reboot'"
	before, err := r.mustOnNode(ctx, n, request, readBoot+" && "+machine.Quote([]string{"sudo", "-n", "sh", "-c", script}))
	if err != nil {
		return err
	}
	if err := r.awaitBoot(ctx, n, before); err != nil {
		said, _ := r.onNode(ctx, n, "", "sudo -n cat /run/k3sedge-verify.log") // if anybody gets in
		return brokenError{err.Error(), "the agent said: " + tail(said.stdout)}
	}
	if err := r.rolledBack(ctx, n, id); err != nil {
		return err
	}
	return r.awaitCluster(ctx)
}

// shut reports whether a node drops what the operator sends to sshd.
func (r *Run) shut(ctx context.Context, n inventory.Node) (bool, error) {
	port := fmt.Sprint(r.cluster.SSH.Port)
	a, err := r.probeAt(ctx, r.site.Operator, "", probe.Request{Targets: []probe.Target{{Address: n.Address, TCP: port, Connect: true}}})
	if err != nil {
		return false, err
	}
	if a.Seen[0].Error != "" {
		return true, nil // no way to it at all, as while it restarts
	}
	return len(a.Seen[0].Open) == 0, nil
}

// rolledBack wants the machine to tell that it took the change back, and to be
// what it was.
func (r *Run) rolledBack(ctx context.Context, n inventory.Node, id string) error {
	o, err := r.k3sedge(ctx, -1, "harden", "--check", "--only", "FW", "--node", n.Name, "--timeout", "15m", "--format", "json")
	if err != nil {
		return err
	}
	var f findings
	if o.code != 0 {
		f.add("after the rollback harden --check --only FW ended with %d: %s", o.code, tail(o.stderr))
	}
	if !strings.Contains(o.stdout, "the last change, "+id+", was rolled back at") {
		f.add("%s does not tell that the change %s was rolled back", n.Name, id)
	}
	return f.err()
}
