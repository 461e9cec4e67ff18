package object

// NetworkPolicy closes the pods of its namespace, all of them, in both
// directions, but for the ports that it names.
type NetworkPolicy struct {
	Meta `json:"-"`
	Spec NetworkPolicySpec `json:"spec"`
}

// NetworkPolicySpec is the specification of a NetworkPolicy.
type NetworkPolicySpec struct {
	PodSelector map[string]string `json:"podSelector"` // empty for all pods
	PolicyTypes []string          `json:"policyTypes"`
	Ingress     []PortRule        `json:"ingress,omitempty"`
	Egress      []PortRule        `json:"egress"`
}

// PortRule lets pods reach ports, wherever they are, or be reached at them.
type PortRule struct {
	Ports []PolicyPort `json:"ports"`
}

// PolicyPort is a port of a rule.
type PolicyPort struct {
	Port     uint16 `json:"port"`
	Protocol string `json:"protocol"`
}

// Kind implements Object.
func (NetworkPolicy) Kind() Kind {
	return Kind{"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", false}
}

// ClosedName is the policy that each of our namespaces has.
const ClosedName = "closed"

// Closed lets nothing in and only questions for names out. Whatever ever lands
// in such a namespace is alone until somebody opens it. Pods on the hosts'
// network are not bound by it.
func Closed() NetworkPolicySpec {
	const dns = 53
	return NetworkPolicySpec{
		PodSelector: map[string]string{}, PolicyTypes: []string{"Ingress", "Egress"},
		Egress: []PortRule{{Ports: []PolicyPort{{Port: dns, Protocol: "UDP"}, {Port: dns, Protocol: "TCP"}}}},
	}
}
