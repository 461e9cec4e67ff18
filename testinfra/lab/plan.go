//go:build linux

package lab

import (
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// The addresses of a lab. Every lab has the same; they exist in its own
// namespaces only.
const (
	Network      = "10.77.0.0/24"
	GatewayIP    = "10.77.0.1"
	OperatorIP   = "10.77.0.2"
	HypervisorIP = "10.77.0.3"
	WebIP        = "10.77.0.4"
	StrangerIP   = "10.77.0.66"
	// CloudflareIP is Cloudflare's stand-in: API, edge, name server.
	CloudflareIP = "10.77.0.5"
	// AcmeIP is the ACME server.
	AcmeIP = "10.77.0.6"
	// BackendIP and SecondBackendIP are web servers that no cluster knows of.
	BackendIP       = "10.77.0.50"
	SecondBackendIP = "10.77.0.51"
	prefixLength    = "/24"
	// Of IPv6 the LAN has addresses for whole machines' sake; K3s' are IPv4.
	Network6      = "fd77::/64"
	OperatorIP6   = "fd77::2"
	StrangerIP6   = "fd77::66"
	prefixLength6 = "/64"
)

// family begins the name of everything that labs make on a machine.
const family = "k3lab"

// nameForm keeps dots out of a lab's name, so that no lab's prefix can be the
// beginning of another's, and keeps it short enough for a machine's name.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,19}$`)

// machineForm is what a machine of a lab may be called.
var machineForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,25}$`)

// plan gives the names of all that belongs to one lab.
type plan struct{ name string }

// newPlan refuses names from which no safe prefix can be made.
func newPlan(name string) (plan, error) {
	if !nameForm.MatchString(name) {
		err := fmt.Errorf("name of the lab %q: not lower-case letters, digits and hyphens, at most 20, a letter first", name)
		return plan{}, machine.WithHint(err, "choose another with --name or $K3SEDGE_LAB")
	}
	return plan{name: name}, nil
}

// prefix begins all names of this lab and none of another's.
func (p plan) prefix() string { return family + "." + p.name + "." }

// lan is the namespace with the bridge and the operator's address.
func (p plan) lan() string { return p.prefix() + "lan" }

// stranger is the namespace of the stranger on the LAN.
func (p plan) stranger() string { return p.prefix() + "stranger" }

// machine is the name of a machine, of its namespace and of its control group.
func (p plan) machine(id string) string { return p.prefix() + "m-" + id }

// owns says whether a name belongs to this lab.
func (p plan) owns(name string) bool { return strings.HasPrefix(name, p.prefix()) }

// port is the bridge's end of a machine's cable. Interface names end after 15
// characters, so that long names are cut and told apart by a sum.
func port(id string) string {
	if len(id) <= 13 {
		return "p-" + id
	}
	return fmt.Sprintf("p-%.4s-%08x", id, crc32.ChecksumIEEE([]byte(id)))
}
