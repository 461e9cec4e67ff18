package hardening

import (
	"fmt"
	"slices"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// notInContainer is when the controls of the kernel itself apply.
const notInContainer = "not in a container, whose kernel belongs to the machine below it"

func kernelControls() []Control {
	return slices.Concat(networkControls(), surfaceControls(), []Control{
		sysctlControl(Control{
			ID: "KRN-10", Title: "The kernel is set as the kubelet demands", Severity: High,
			Why:      "with protect-kernel-defaults the kubelet does not start on other values, and without it nobody notices",
			Want:     "vm.overcommit_memory 1, vm.panic_on_oom 0, kernel.panic 10, kernel.panic_on_oops 1 and K3s' limits for keys, now and after a restart",
			Refs:     []string{"K3s CIS Hardening Guide, host-level requirements", "rke2#3804", "kube-bench 4.2.6"},
			Conflict: "some baselines set kernel.panic to 60 or vm.panic_on_oom to 1; the kubelet demands 10 and 0 and ends on anything else, so that K3s wins",
			Applies:  onCluster, When: "the node runs K3s",
		}),
		modulesControl(),
		persistentControl(),
		sysctlControl(Control{
			ID: "EDG-10", Title: "Traefik binds 80 and 443 without any capability", Severity: High,
			Why:     "on the host's network NET_BIND_SERVICE does nothing for a process that is not root; 80 opens what the edge needs and not the ports below",
			Want:    "net.ipv4.ip_unprivileged_port_start 80, now and after a restart",
			Refs:    []string{"Linux, ip-sysctl: ip_unprivileged_port_start"},
			Applies: onCluster, When: "the node runs K3s",
		}),
	})
}

func networkControls() []Control {
	return []Control{
		sysctlControl(Control{
			ID: "KRN-01", Title: "Forwarding is on (the inverse of CIS)", Severity: High,
			Why:      "without it no pod reaches anything; the forward chain of our firewall is what closes it to strangers",
			Want:     "net.ipv4.ip_forward 1, and bridged packets seen by the firewall where its module is loaded",
			Refs:     []string{"CIS Debian 12 3.3.1 (inverted)", "CIS Debian 13 3.3.1.1 (inverted)", "dev-sec sysctl-01 (inverted)"},
			Conflict: "CIS, dev-sec, lynis and others demand ip_forward 0; a K3s node routes its pods' packets, so that it is 1 here and FW-06 keeps strangers out",
			Sysctls:  []string{bridgeFilter},
		}),
		sysctlControl(Control{
			ID: "KRN-02", Title: "ICMP redirects are neither sent nor followed", Severity: Medium,
			Why:  "whoever is on the LAN could send the node's traffic through a machine of his",
			Want: "send_redirects, accept_redirects and secure_redirects 0 for all, default and every interface of the host",
			Refs: []string{"CIS Debian 12 3.3.2, 3.3.5, 3.3.6", "dev-sec sysctl-14..16, 20", "lynis KRNL-6000"},
		}),
		sysctlControl(Control{
			ID: "KRN-03", Title: "Packets do not choose their own way", Severity: Medium,
			Why:  "source routing leads around filters",
			Want: "accept_source_route 0, for IPv4 and IPv6",
			Refs: []string{"CIS Debian 12 3.3.8", "dev-sec sysctl-13", "lynis KRNL-6000"},
		}),
		reversePathControl(),
		sysctlControl(Control{
			ID: "KRN-05", Title: "TCP and ICMP keep to good manners", Severity: Medium,
			Why:  "a flood of SYN packets, a ping to everybody or a forged reset need no more than one sender",
			Want: "tcp_syncookies, tcp_rfc1337, icmp_echo_ignore_broadcasts and icmp_ignore_bogus_error_responses 1",
			Refs: []string{"CIS Debian 12 3.3.3, 3.3.4, 3.3.10", "dev-sec sysctl-03, 04, 10, 11", "lynis KRNL-6000"},
		}),
		sysctlControl(Control{
			ID: "KRN-06", Title: "Packets with impossible addresses are logged", Severity: Low,
			Why:  "they are the trace of somebody who forges addresses, or of a broken route",
			Want: "log_martians 1 for all and default",
			Refs: []string{"CIS Debian 12 3.3.9", "dev-sec sysctl-17", "lynis KRNL-6000"},
		}),
	}
}

func surfaceControls() []Control {
	return []Control{
		sysctlControl(Control{
			ID: "KRN-07", Title: "Addresses of the kernel and of programs stay secret", Severity: Medium,
			Why:  "an exploit needs to know where things are; random addresses are of no use where the kernel tells them",
			Want: "randomize_va_space 2, kptr_restrict 1 or 2, dmesg_restrict 1, perf_event_paranoid 2 or more",
			Refs: []string{"CIS Debian 12 1.5.1", "CIS Debian 13 1.5.5, 1.5.8, 1.5.9", "dev-sec sysctl-32", "lynis KRNL-6000"},
			When: notInContainer, Applies: ownKernel,
		}),
		sysctlControl(Control{
			ID: "KRN-08", Title: "Users neither trace other programs nor load BPF", Severity: Medium,
			Why:  "a program of a user could read the secrets of another one, and BPF without privileges has been a way into the kernel again and again",
			Want: "yama.ptrace_scope 1 or more, unprivileged_bpf_disabled 1 or 2, bpf_jit_harden 2",
			Refs: []string{"CIS Debian 12 1.5.2", "dev-sec sysctl-35", "lynis KRNL-6000"},
			When: notInContainer, Applies: ownKernel,
		}),
		dumpControl(),
		surfaceControl(),
	}
}

// sysctlControl judges the kept settings that carry the control's ID. Sysctls
// that the control names itself must be 1 where this kernel has them.
func sysctlControl(c Control) Control {
	optional := c.Sysctls
	settings := settingsOf(c.ID)
	for _, s := range settings {
		c.Sysctls = append(c.Sysctls, s.key)
	}
	c.Needs = append(c.Needs, PartSystem, PartSysctls, PartFiles)
	c.Files = append(c.Files, sysctlFile)
	c.Check = func(f *facts.Facts, _ Policy) Verdict { return checkSysctls(f, settings, optional) }
	c.Mend = func(f *facts.Facts, p Policy) Mend { return mendSysctls(f, p, settings, optional) }
	return c
}

// The reverse path filter: the greater one of all and the interface counts.
const (
	reversePathAll   = "net.ipv4.conf.all.rp_filter"
	reversePathEvery = "net.ipv4.conf.*.rp_filter"
)

func reversePathControl() Control {
	c := sysctlControl(Control{
		ID: "KRN-04", Title: "Packets come in where their sender lives", Severity: Medium,
		Why:      "without the filter a packet with a forged sender is taken from any interface",
		Want:     "rp_filter of all or of the interface 1 or 2, for every interface of the host",
		Refs:     []string{"CIS Debian 12 3.3.7", "dev-sec sysctl-02", "lynis KRNL-6000"},
		Conflict: "dev-sec, lynis and CIS demand 1, systemd sets 2; both drop what no route leads back to, and 2 does not break a host with two ways out, so that either holds",
	})
	c.Sysctls = append(c.Sysctls, reversePathEvery)
	c.Check = func(f *facts.Facts, _ Policy) Verdict { return checkReversePath(f) }
	return c
}

func checkReversePath(f *facts.Facts) Verdict {
	all := f.Sysctls[reversePathAll]
	keys := interfaceKeys(f, reversePathEvery)
	if all.Value == "" || len(keys) == 0 {
		return unknown("no interface shows its rp_filter")
	}
	var wrong []string
	for _, key := range keys {
		is := f.Sysctls[key]
		if now := max(all.Value, is.Value); !is.Absent && now != "1" && now != "2" {
			wrong = append(wrong, fmt.Sprintf("/proc/sys: %s = %s, %s = %s", reversePathAll, all.Value, key, is.Value))
		}
		if later := max(all.Persistent, is.Persistent); !is.Absent && later != "1" && later != "2" {
			wrong = append(wrong, afterRestart(reversePathAll, all), afterRestart(key, is))
		}
	}
	return decide(wrong, fmt.Sprintf("%s=%s, interfaces: %d", reversePathAll, all.Value, len(keys)), "1 or 2 for every interface, now and after a restart")
}
