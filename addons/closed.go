package addons

import "github.com/k3sedge/k3sedge/addons/object"

// closedName is the policy that each of our namespaces has.
const closedName = "closed"

// closed lets nothing in and only questions for names out. Our namespaces have
// no pods: Traefik is in kube-system and on the hosts' network. Whatever ever
// lands here is alone until somebody opens it.
func closed() object.NetworkPolicySpec {
	const dns = 53
	return object.NetworkPolicySpec{
		PodSelector: map[string]string{}, PolicyTypes: []string{"Ingress", "Egress"},
		Egress: []object.PortRule{{Ports: []object.PolicyPort{{Port: dns, Protocol: "UDP"}, {Port: dns, Protocol: "TCP"}}}},
	}
}
