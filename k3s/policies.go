package k3s

import (
	"context"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// kind is what every object of the API server's own files begins with.
type kind struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
}

// admission is the API server's AdmissionConfiguration.
type admission struct {
	kind    `yaml:",inline"`
	Plugins []admissionPlugin `yaml:"plugins"`
}

type admissionPlugin struct {
	Name          string `yaml:"name"`
	Configuration any    `yaml:"configuration"`
}

type podSecurity struct {
	kind       `yaml:",inline"`
	Defaults   map[string]string   `yaml:"defaults"`
	Exemptions map[string][]string `yaml:"exemptions"`
}

// eventRates keeps a pod that fails all the time from filling etcd with events.
type eventRates struct {
	kind   `yaml:",inline"`
	Limits []eventRate `yaml:"limits"`
}

type eventRate struct {
	Type  string `yaml:"type"`
	QPS   int    `yaml:"qps"`
	Burst int    `yaml:"burst"`
}

// admissions are what pods may be: nothing privileged, except in kube-system,
// where Traefik has the host's network; and how many events there may be.
func admissions() admission {
	defaults := map[string]string{}
	for _, mode := range []string{"enforce", "audit", "warn"} {
		defaults[mode], defaults[mode+"-version"] = "restricted", "latest"
	}
	return admission{
		kind: kind{"apiserver.config.k8s.io/v1", "AdmissionConfiguration"},
		Plugins: []admissionPlugin{{Name: "PodSecurity", Configuration: podSecurity{
			kind:       kind{"pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration"},
			Defaults:   defaults,
			Exemptions: map[string][]string{"namespaces": {"kube-system"}},
		}}, {Name: "EventRateLimit", Configuration: eventRates{
			kind:   kind{"eventratelimit.admission.k8s.io/v1alpha1", "Configuration"},
			Limits: []eventRate{{Type: "Server", QPS: 5000, Burst: 20000}}, // as K3s' hardening guide has it
		}}},
	}
}

// auditPolicy is the API server's Policy for its audit log.
type auditPolicy struct {
	kind       `yaml:",inline"`
	OmitStages []string    `yaml:"omitStages"`
	Rules      []auditRule `yaml:"rules"`
}

type auditRule struct {
	Level     string       `yaml:"level"`
	Resources []auditGroup `yaml:"resources,omitempty"`
}

type auditGroup struct {
	Group     string   `yaml:"group"`
	Resources []string `yaml:"resources"`
}

// auditLog tells who did what, without the content: a Secret must not stand in
// a log. Leases are left out, which every component renews every few seconds.
func auditLog() auditPolicy {
	return auditPolicy{
		kind:       kind{"audit.k8s.io/v1", "Policy"},
		OmitStages: []string{"RequestReceived"},
		Rules: []auditRule{
			{Level: "None", Resources: []auditGroup{{"coordination.k8s.io", []string{"leases"}}}},
			{Level: "Metadata"},
		},
	}
}

// policies are the files that the API server's arguments name.
func (v *view) policies() ([]machine.File, error) {
	if v.node.Role != inventory.Server {
		return nil, nil
	}
	psa, err := yamlFile(psaPath, admissions())
	if err != nil {
		return nil, err
	}
	audit, err := yamlFile(auditPath, auditLog())
	return []machine.File{psa, audit}, err
}

func checkPolicies(_ context.Context, v *view, now *seen) ([]converge.Change, error) {
	files, err := v.policies()
	if err != nil {
		return nil, err
	}
	return now.compare(files...)
}

func writePolicies(ctx context.Context, h *hands) error {
	files, err := h.policies()
	if err != nil {
		return err
	}
	return h.place(ctx, files...)
}
