package firewall

import (
	"fmt"
	"os/exec"
	"testing"
)

// What breaks iptables is what iptables itself fails at.
func TestBreaksIptablesAsIptablesSays(t *testing.T) {
	needIptables(t)
	t.Parallel()
	for _, rule := range []string{
		"counter accept", "ct state established accept", "tcp dport 22 accept", "tcp dport { 22, 80 } accept", "meta mark 1 accept", "ip saddr 10.0.0.0/8 drop", "fib daddr type local accept",
		"limit rate 5/minute accept", "limit rate over 5/minute accept", "limit rate 5 bytes/second accept", "log prefix \"x\"", "log group 3", "reject", "tcp dport 1-100 drop", "iifname \"eth0\" drop", "tcp dport vmap { 22 : accept }",
		"meta mark set 1", "notrack", "meta l4proto tcp accept",
	} {
		t.Run(rule, func(t *testing.T) {
			ns := newNamespace(t)
			ns.do(t, func() error {
				text := fmt.Sprintf("table ip filter { chain INPUT { type filter hook input priority filter; policy accept; %s; }; }", rule)
				if err := loadText(t.Context(), text); err != nil {
					t.Skipf("not known to this kernel or nft: %v", err)
				}
				rules, err := ReadRuleset()
				if err != nil {
					return err
				}
				output, failed := exec.Command("iptables-nft", "-S", "INPUT").CombinedOutput()
				if found := rules.Tables[0].BreaksIptables(); (failed != nil) != (len(found) > 0) {
					t.Errorf("iptables: %v %s, we say %q", failed, output, found)
				}
				return nil
			})
		})
	}
}
