package fakekube

import "strings"

// Kind is one kind of objects that the stand-in knows.
type Kind struct {
	Group, Version, Name, Plural string
	Namespaced                   bool
	// Required are fields, such as "spec.rules", one of which the objects must
	// have; Fixed are those that must not change.
	Required, Fixed []string
}

// Custom reports whether the kind comes from a CustomResourceDefinition.
func (k Kind) Custom() bool {
	return k.Group != rbac && strings.Contains(strings.TrimSuffix(k.Group, ".k8s.io"), ".")
}

// rbac is the one built-in group whose name has a dot before its end.
const rbac = "rbac.authorization.k8s.io"

// APIVersion is the group and the version as an object names them.
func (k Kind) APIVersion() string { return strings.TrimPrefix(k.Group+"/"+k.Version, "/") }

// root is the path under which the kind's group is.
func (k Kind) root() string {
	if k.Group == "" {
		return "/api/" + k.Version
	}
	return "/apis/" + k.APIVersion()
}

// resource names the kind as messages do: "ingresses.networking.k8s.io".
func (k Kind) resource() string { return strings.TrimSuffix(k.Plural+"."+k.Group, ".") }

// Path is where the object of that name is.
func (k Kind) Path(namespace, name string) string {
	if k.Namespaced && namespace != "" {
		return k.root() + "/namespaces/" + namespace + "/" + k.Plural + "/" + name
	}
	return k.root() + "/" + k.Plural + "/" + name
}

// Builtin are the kinds that every API server has, as far as they are taught here.
func Builtin() []Kind {
	return []Kind{
		{"", "v1", "Namespace", "namespaces", false, nil, nil},
		{"", "v1", "Node", "nodes", false, nil, nil},
		{"", "v1", "Pod", "pods", true, []string{"spec.containers"}, []string{"spec.hostNetwork"}},
		{"", "v1", "Service", "services", true, []string{"spec"}, []string{"spec.clusterIP"}},
		{"", "v1", "Secret", "secrets", true, nil, []string{"type"}},
		{"", "v1", "ConfigMap", "configmaps", true, nil, nil},
		{"", "v1", "ServiceAccount", "serviceaccounts", true, nil, nil},
		{"", "v1", "Event", "events", true, nil, nil},
		{"apps", "v1", "DaemonSet", "daemonsets", true, []string{"spec.template"}, []string{"spec.selector"}},
		{"apps", "v1", "Deployment", "deployments", true, []string{"spec.template"}, []string{"spec.selector"}},
		{"batch", "v1", "Job", "jobs", true, []string{"spec.template"}, []string{"spec.template"}},
		{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true, []string{"addressType"}, []string{"addressType"}},
		{"networking.k8s.io", "v1", "Ingress", "ingresses", true, []string{"spec.rules", "spec.defaultBackend"}, nil},
		{"networking.k8s.io", "v1", "IngressClass", "ingressclasses", false, nil, nil},
		{"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true, []string{"spec"}, nil},
		{rbac, "v1", "ClusterRole", "clusterroles", false, nil, nil},
		{rbac, "v1", "ClusterRoleBinding", "clusterrolebindings", false, []string{"roleRef"}, []string{"roleRef"}},
		{"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false, []string{"spec.versions"}, nil},
	}
}

// Helm are the kinds that K3s brings.
func Helm() []Kind {
	return []Kind{
		{"helm.cattle.io", "v1", "HelmChart", "helmcharts", true, nil, nil},
		{"helm.cattle.io", "v1", "HelmChartConfig", "helmchartconfigs", true, nil, nil},
	}
}

// Traefik are the kinds that Traefik's chart brings.
func Traefik() []Kind {
	out := []Kind{}
	for name, plural := range map[string]string{
		"IngressRoute": "ingressroutes", "IngressRouteTCP": "ingressroutetcps", "IngressRouteUDP": "ingressrouteudps",
		"Middleware": "middlewares", "MiddlewareTCP": "middlewaretcps", "ServersTransport": "serverstransports",
		"ServersTransportTCP": "serverstransporttcps", "TLSOption": "tlsoptions", "TLSStore": "tlsstores", "TraefikService": "traefikservices",
	} {
		out = append(out, Kind{"traefik.io", "v1alpha1", name, plural, true, []string{"spec"}, nil})
	}
	return out
}

// CertManager are the kinds that cert-manager brings.
func CertManager() []Kind {
	return []Kind{
		{"cert-manager.io", "v1", "Certificate", "certificates", true, []string{"spec.secretName"}, nil},
		{"cert-manager.io", "v1", "CertificateRequest", "certificaterequests", true, []string{"spec"}, nil},
		{"cert-manager.io", "v1", "Issuer", "issuers", true, []string{"spec"}, nil},
		{"cert-manager.io", "v1", "ClusterIssuer", "clusterissuers", false, []string{"spec"}, nil},
		{"acme.cert-manager.io", "v1", "Order", "orders", true, []string{"spec"}, nil},
		{"acme.cert-manager.io", "v1", "Challenge", "challenges", true, []string{"spec"}, nil},
	}
}

// Gateway are the kinds of the Gateway API.
func Gateway() []Kind {
	return []Kind{
		{"gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses", false, []string{"spec"}, nil},
		{"gateway.networking.k8s.io", "v1", "Gateway", "gateways", true, []string{"spec"}, nil},
		{"gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", true, []string{"spec"}, nil},
		{"gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes", true, []string{"spec"}, nil},
	}
}

// Register adds kinds, and the CustomResourceDefinitions of those that come from one.
func (k *Kube) Register(kinds ...Kind) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, kind := range kinds {
		k.kinds = append(k.kinds, kind)
		if kind.Custom() {
			k.keep(k.mustKind("CustomResourceDefinition"), definition(kind))
		}
	}
}

func definition(k Kind) map[string]any {
	scope := "Cluster"
	if k.Namespaced {
		scope = "Namespaced"
	}
	return map[string]any{
		"metadata": map[string]any{"name": k.resource()},
		"spec": map[string]any{
			"group": k.Group, "scope": scope, "names": map[string]any{"kind": k.Name, "plural": k.Plural},
			"versions": []any{map[string]any{"name": k.Version, "served": true, "storage": true}},
		},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
	}
}
