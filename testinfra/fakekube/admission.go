package fakekube

import (
	"fmt"
	"net/http"
	"strings"
)

// impersonated refuses what somebody else than the client may not do.
func (c *call) impersonated(user string) error {
	if user == "" {
		return nil
	}
	if c.kind.Name == "Node" && user == "system:node:"+c.name {
		c.node = true
		return nil
	}
	return c.refuse(http.StatusForbidden, "Forbidden", fmt.Sprintf("%s %q is forbidden: User %q cannot patch resource %q in API group %q", c.kind.resource(), c.name, user, c.kind.Plural, c.kind.Group))
}

// secure is the admission that is taught.
func (c *call) secure(sent map[string]any) error {
	labels, _ := lookup(sent, "metadata", "labels")
	byKey, _ := labels.(map[string]any)
	for key := range byKey {
		if c.node && strings.HasPrefix(key, "node-restriction.kubernetes.io/") {
			return c.refuse(http.StatusForbidden, "Forbidden", fmt.Sprintf("nodes %q is forbidden: is not allowed to modify labels: %s", c.name, key))
		}
	}
	if c.kind.Name != "Pod" || c.namespace == "kube-system" {
		return nil
	}
	containers, _ := lookup(sent, "spec", "containers")
	list, _ := containers.([]any)
	for _, one := range list {
		container, _ := one.(map[string]any)
		if privileged, _ := lookup(container, "securityContext", "privileged"); privileged == true {
			return c.refuse(http.StatusForbidden, "Forbidden", fmt.Sprintf("pods %q is forbidden: violates PodSecurity \"restricted:latest\": privileged (container %q must not set securityContext.privileged=true)", c.name, text(container, "name")))
		}
	}
	return nil
}
