package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// needless are the beginnings of units that have no place on a node.
func needless() []string {
	return words(`avahi-daemon. cups. cups-browsed. rpcbind. nfs-server. nfs-kernel-server. smbd. nmbd. samba snmpd. snmptrapd.
vsftpd. proftpd. pure-ftpd. tftpd-hpa. atftpd. yp telnet rsh. rlogin. xinetd. inetd. openbsd-inetd. bluetooth. ModemManager.
docker. podman. containerd. crio. ufw. firewalld. exim4. postfix. sendmail. apache2. nginx. named. bind9. dnsmasq. isc-dhcp-server.
slapd. squid. dovecot. mysql. mariadb. postgresql. gdm lightdm. sddm. xdm. debug-shell.`)
}

// nothingNeedless reads sockets and units of the machines themselves.
func nothingNeedless(ctx context.Context, r *Run) error {
	machines, err := r.machines(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, n := range r.cluster.Nodes {
		m := machines[n.Name]
		for _, l := range m.Listeners {
			if !l.address.IsLoopback() && !r.mayListen(n, l) {
				f.add("%s: %s listens at %s/%d", n.Name, orSome(l.process), l.proto, l.port)
			}
		}
		for _, unit := range slices.Concat(m.Enabled, m.Running) {
			if slices.ContainsFunc(needless(), func(name string) bool { return strings.HasPrefix(unit, name) }) {
				f.add("%s: %s is enabled, or runs", n.Name, unit)
			}
		}
		if !slices.ContainsFunc(m.Running, func(unit string) bool { return unit == "ssh.service" || unit == "ssh.socket" }) {
			return fmt.Errorf("%s: ssh is not among the running units, so that the list is not the machine's", n.Name)
		}
		if !slices.Contains(m.Enabled, "nftables.service") {
			f.add("%s: nftables.service is not enabled", n.Name)
		}
	}
	return f.err()
}

func orSome(process string) string {
	if process == "" {
		return "something"
	}
	return process
}

// mayListen reports whether a node is there for what listens.
func (r *Run) mayListen(n inventory.Node, l listener) bool {
	if l.proto == "udp" {
		return l.port == 68 || l.port == 546 || l.port == vxlanPort && r.cluster.K3s != nil
	}
	ports := []uint16{uint16(r.cluster.SSH.Port)}
	if r.cluster.K3s != nil {
		ports = append(ports, 80, 443, 10250)
	}
	if n.Role == inventory.Server && r.cluster.K3s != nil {
		ports = append(ports, 6443, 2379, 2380)
	}
	return slices.Contains(ports, l.port)
}

// firewallFirst compares times of this boot.
func firewallFirst(ctx context.Context, r *Run) error {
	machines, err := r.machines(ctx)
	if err != nil {
		return err
	}
	var f findings
	later := ""
	for _, n := range r.cluster.Nodes {
		m := machines[n.Name]
		// k3sedge loads its table by itself, and the unit does so at the next boot.
		firewall := m.Order["nftables.service"].active
		if !r.restart && (firewall == 0 || m.Finish > 0 && firewall > m.Finish) {
			later = n.Name
			continue
		}
		if firewall == 0 {
			f.add("%s: nftables.service is not active", n.Name)
			continue
		}
		m.comparedTo(firewall, n.Name, &f)
	}
	if len(f) == 0 && later != "" {
		return leftOutError(later + " has not restarted since its firewall was first set up: only a restart shows the order")
	}
	return f.err()
}

// comparedTo wants everything that opens the network to come after the firewall.
func (m machineFacts) comparedTo(firewall uint64, node string, f *findings) {
	seen := false
	for _, unit := range []string{"systemd-networkd.service", "networking.service", "NetworkManager.service", "k3s.service", "k3s-agent.service"} {
		t := m.Order[unit]
		if t.begin == 0 {
			continue
		}
		seen = true
		if t.begin < firewall {
			f.add("%s: %s began %.3f s before the firewall was up", node, unit, float64(firewall-t.begin)/1e6)
		}
	}
	if t := m.Order["network-pre.target"].active; t > 0 && t < firewall {
		f.add("%s: network-pre.target was reached before the firewall was up", node)
	}
	if !seen {
		f.add("%s: nothing that opens the network has begun in this boot", node)
	}
}

// reboot restarts machines and waits until each has come back.
func (r *Run) reboot(ctx context.Context, nodes ...inventory.Node) error {
	defer r.forget()
	before := map[string]string{}
	for _, n := range nodes {
		r.say("restart %s", n.Name)
		// The login may end with the machine, or before.
		o, err := r.onNode(ctx, n, "", readBoot+"; sudo -n systemctl --no-block reboot")
		if err != nil {
			return err
		}
		before[n.Name] = o.stdout
	}
	for _, n := range nodes {
		if err := r.awaitBoot(ctx, n, before[n.Name]); err != nil {
			return err
		}
	}
	return r.awaitCluster(ctx)
}

// readBoot names the boot that a machine is in, of which no two have the same name.
const readBoot = "cat /proc/sys/kernel/random/boot_id"

// awaitBoot waits for another boot than the one before, which readBoot has
// named, to have come up.
func (r *Run) awaitBoot(ctx context.Context, n inventory.Node, before string) error {
	before = strings.TrimSpace(before)
	if before == "" {
		return fmt.Errorf("%s did not tell in which boot it is", n.Name)
	}
	return r.await(ctx, converge.Wait{What: n.Name + " has restarted", Limit: 12 * time.Minute}, func() (bool, error) {
		o, err := r.onNode(ctx, n, "", readBoot+"; sudo -n systemctl is-system-running --wait")
		if err != nil {
			return false, err
		}
		id, state, _ := strings.Cut(strings.TrimSpace(o.stdout), "\n")
		return id != "" && id != before && (state == "running" || state == "degraded"), nil
	})
}

// awaitCluster waits until K3s and Traefik say that they are ready, and every
// node serves: a Traefik that is ready may still lack its routes, and refuses
// every host until then.
func (r *Run) awaitCluster(ctx context.Context) error {
	if r.cluster.K3s == nil {
		return nil
	}
	last := output{}
	ready := converge.Wait{What: "K3s and Traefik are ready on every node", Limit: 12 * time.Minute, Gently: true}
	err := r.await(ctx, ready, func() (bool, error) {
		var err error
		last, err = run(ctx, r.site.Operator, nil, r.site.K3sedge, "status", "--file", r.site.file())
		return last.code == 0, err
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, tail(last.stdout+last.stderr))
	}
	if pages := r.pages(); len(pages) > 0 {
		return r.awaitPages(ctx, pages)
	}
	return nil
}

func rebootAll(ctx context.Context, r *Run) error {
	if err := r.reboot(ctx, r.cluster.Nodes...); err != nil {
		return brokenError{err.Error()}
	}
	r.restart = true
	return nil
}
