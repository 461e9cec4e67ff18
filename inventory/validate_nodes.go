package inventory

import "fmt"

// What K3s asks of a machine (docs.k3s.io, Requirements), and what Debian, K3s
// and its images take on disk.
const (
	minServerCPUs   = 2
	minServerMemory = 2 * GiB
	minAgentCPUs    = 1
	minAgentMemory  = 512 * MiB
	minDisk         = 8 * GiB
)

func validateNodes(c Cluster, f *findings) {
	if !f.require(len(c.Nodes) > 0, "nodes", "name at least one node with its address") {
		return
	}
	names, addresses, servers := unique{}, unique{}, 0
	for i, n := range c.Nodes {
		path := indexPath("nodes", i)
		if f.require(n.Name != "", path+".name", labelHint) {
			f.check(labelForm.MatchString(n.Name), path+".name", notLabel, labelHint)
			names.check(f, path+".name", n.Name)
		}
		if f.require(n.Address.IsValid(), path+".address", "every node has a fixed address in the LAN") {
			validateAddress(c, f, path+".address", i)
			addresses.check(f, path+".address", n.Address.String())
		}
		validateAddress6(c, f, path+".address6", i)
		if n.Address6 != nil {
			addresses.check(f, path+".address6", n.Address6.String())
		}
		f.check(n.Role == Server || n.Role == Agent, path+".role", "not a role", "write server or agent")
		if n.Role == Server {
			servers++
		}
		if n.HostKey != "" {
			validateHostKey(f, path+".hostKey", n.HostKey)
		}
		if c.Provider.Proxmox != nil {
			validateMachine(n, f, path)
		}
	}
	f.check(servers > 0, "nodes", "none is a server", "give one of them role: server")
	f.check(servers == 0 || servers%2 == 1, "nodes", fmt.Sprintf("%d servers: etcd stops when half of an even number is lost", servers), serversHint(servers))
}

func serversHint(servers int) string {
	return fmt.Sprintf("make it %d or %d servers, the others agents", max(servers-1, 1), servers+1)
}

func validateAddress(c Cluster, f *findings, path string, i int) {
	a := c.Nodes[i].Address
	if validateMember(f, path, a, c.Network.CIDR) {
		f.check(a != c.Network.Gateway, path, "the gateway's address", "give the node one of its own")
	}
}

// validateAddress6 checks that all nodes have such an address, or none.
func validateAddress6(c Cluster, f *findings, path string, i int) {
	a, lan := c.Nodes[i].Address6, c.Network.IPv6
	if lan == nil {
		f.check(a == nil, path, "needs network.ipv6", "write network.ipv6 with the LAN's cidr, or take address6 out")
		return
	}
	if !lan.CIDR.IsValid() || !f.require(a != nil, path, "give each node an address of "+lan.CIDR.String()) {
		return
	}
	f.check(lan.CIDR.Contains(*a) && isUnicast(*a), path, "not inside "+lan.CIDR.String(), "choose an address of it")
	f.check(*a != lan.CIDR.Addr() && *a != lan.Gateway, path, "the router's address", "give the node one of its own")
}

// validateMachine checks the size of a VM that is to be made.
func validateMachine(n Node, f *findings, path string) {
	cpus, memory := minAgentCPUs, minAgentMemory
	if n.Role == Server {
		cpus, memory = minServerCPUs, minServerMemory
	}
	f.check(n.CPUs >= cpus, path+".cpus", atLeast(cpus), fmt.Sprintf("a %s needs %d or more", or(n.Role, Agent), cpus))
	f.check(n.CPUs <= 512, path+".cpus", "more than a VM can have", "512 is the most")
	f.check(n.Memory >= memory, path+".memory", atLeast(memory), fmt.Sprintf("a %s needs %s or more", or(n.Role, Agent), memory))
	f.check(n.Disk >= minDisk, path+".disk", fmt.Sprintf("less than %s", minDisk), "Debian, K3s and its images need "+minDisk.String()+" or more")
	f.check(n.Memory%MiB == 0 && n.Disk%MiB == 0, path, "memory and disk are not whole MiB", "round them")
}
