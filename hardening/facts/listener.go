package facts

// Listener is a socket at which the host waits for somebody. A socket that is
// connected to its one partner is none.
type Listener struct {
	Proto string `json:"proto"` // tcp or udp, for both families
	// Address is the local one: 0.0.0.0 is every IPv4 address, :: is every
	// address of both families (an IPv6 socket takes IPv4 too, as a rule).
	Address string `json:"address"`
	Port    int    `json:"port"`
	// Process is the name of the program that holds the socket, and PID its
	// first process: "" and 0 where it is the kernel itself, as with VXLAN.
	Process string `json:"process"`
	PID     int    `json:"pid"`
	// Unit is the systemd unit of that process, such as ssh.service, or "".
	Unit string `json:"unit"`
}
