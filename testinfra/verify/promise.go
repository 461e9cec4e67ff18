package verify

import (
	"context"
	"strings"
)

// Needs are what a promise cannot be judged without.
type Needs struct {
	Disturbs bool // it changes or restarts machines: only with Site.Disruptive
	Third    bool // a third machine
	Power    bool // somebody who takes the power off a machine
	Peers    bool // a second node
	K3s      bool // a k3s section in the project
	VM       bool // machines with a kernel of their own
}

// Promise is one thing that k3sedge promises of a cluster.
type Promise struct {
	Name  string // also of its subtest
	Says  string
	Needs Needs
	// Controls are those of the catalogue for which this promise stands.
	Controls []string
	check    func(ctx context.Context, r *Run) error
}

// again is put before the names of what is looked at after all machines were restarted.
const again = "after-reboot/"

// Looks reports whether checking the promise changes nothing. (The service
// that service-end-to-end adds with Site.Backend is taken away by Close.)
func (p Promise) Looks() bool { return !p.Needs.Disturbs }

// Promises are all of them, in the order in which they are checked.
func Promises() []Promise {
	looks := lookingPromises()
	out := append(looks, disturbingPromises()...)
	for _, p := range looks {
		p.Name, p.Says = again+p.Name, p.Says+", also after all machines were restarted"
		p.Needs.Disturbs = true
		out = append(out, p)
	}
	return out
}

func words(list string) []string { return strings.Fields(list) }

func lookingPromises() []Promise {
	const ports = "FW-01 FW-02 FW-03 FW-05 FW-08 FW-09 FW-10 FW-11 FW-12 FW-14"
	return []Promise{
		{Name: "created-and-pinned", Says: "each machine shows exactly the host key that is pinned, none like another's; a wrong key is refused and named", check: pinned},
		{Name: "password-login-refused", Says: "no password opens a login, whoever asks", Controls: words("SSH-01 SSH-02 SSH-04 SSH-05 SSH-06 SSH-07"), check: passwordsRefused},
		{Name: "root-login-refused", Says: "root does not log in, with the admin's key either", Controls: words("SSH-03"), check: rootRefused},
		{Name: "unknown-key-refused", Says: "a key that nobody named opens nothing", Controls: words("SSH-12 SSH-16"), check: unknownKeyRefused},
		{Name: "ports-from-outside", Says: "of all ports only the promised ones answer the operator, in both families", Controls: words(ports), check: portsFromOutside},
		{Name: "ports-from-peer", Says: "of all ports only the promised ones answer another node, in both families", Needs: Needs{Peers: true}, Controls: words(ports), check: portsFromPeer},
		{Name: "ports-from-third", Says: "of all ports only the promised ones answer a third machine, in both families", Needs: Needs{Third: true}, Controls: words(ports), check: portsFromThird},
		{Name: "no-needless-services", Says: "nothing listens, is enabled or runs that a node does not need", Controls: words("SVC-01 SVC-02 SVC-03 SVC-04"), check: nothingNeedless},
		{Name: "firewall-before-network", Says: "the firewall is up before the network and before K3s", check: firewallFirst},
		{Name: "controls-of-the-kernel", Says: "every control of the kernel holds, those that containers skip among them", Needs: Needs{VM: true}, Controls: words("KRN-01 KRN-02 KRN-03 KRN-04 KRN-05 KRN-06 KRN-07 KRN-08 KRN-09 KRN-10 KRN-11 KRN-12 KRN-13"), check: kernelControls},
		{Name: "controls-of-the-boot", Says: "every control of what a restart brings holds, those that containers skip among them", Needs: Needs{VM: true}, Controls: words("FW-14 FW-15 PKG-03 LOG-02"), check: bootControls},
		{Name: "controls-of-the-filesystem", Says: "every control of the filesystem holds, those that containers skip among them", Needs: Needs{VM: true}, Controls: words("FS-01 FS-02 FS-03 FS-04 FS-05"), check: filesystemControls},
		{Name: "all-controls-hold", Says: "no control of the catalogue finds anything beyond what the promises above have told", check: allControls},
		{Name: "second-up-changes-nothing", Says: "another up would change nothing", check: secondUp},
		{Name: "service-end-to-end", Says: "K3s is ready on every node, and each answers for a service over TLS with the promised headers", Needs: Needs{K3s: true}, check: serviceAnswers},
	}
}

func disturbingPromises() []Promise {
	d := Needs{Disturbs: true}
	return []Promise{
		{Name: "drift-is-found-and-mended", Says: "a kernel setting, an open port and a password login made by hand are found, named by exactly their controls, and mended", Needs: d, check: driftMended},
		{Name: "lock-out-is-rolled-back", Says: "a change that locks everybody out is taken back by the machine alone", Needs: d, check: lockOut},
		{Name: "lock-out-with-reboot", Says: "it is also taken back when the machine restarts before its time is over", Needs: d, check: lockOutReboot},
		{Name: "one-machine-killed", Says: "with the power off at one machine the other serves, and the first comes back", Needs: Needs{Disturbs: true, Power: true, Peers: true, K3s: true}, check: oneKilled},
		{Name: "reboot-all-and-again", Says: "all machines restart and come back", Needs: d, check: rebootAll},
	}
}
