package hardening

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// edgeAnswers are lists as the API gives them.
func edgeAnswers() map[Part]string {
	return map[Part]string{
		PartIngresses: `{"items":[{"metadata":{"namespace":"edge-git","name":"git","annotations":{
			"traefik.ingress.kubernetes.io/router.entrypoints":"websecure","traefik.ingress.kubernetes.io/router.tls":"true",
			"traefik.ingress.kubernetes.io/router.tls.options":"k3sedge-system-tls@kubernetescrd",
			"traefik.ingress.kubernetes.io/router.middlewares":"a-b@kubernetescrd, c-d@kubernetescrd,"}},
			"spec":{"ingressClassName":"traefik","tls":[{"secretName":"git-tls"}],"rules":[{"host":"Git.Example.org","http":{"paths":[{"backend":{"service":{"name":"git"}}}]}},{"host":"no-paths.example.org"}]}},
			{"metadata":{"namespace":"default","name":"old","annotations":{"kubernetes.io/ingress.class":"nginx"}},"spec":{"ingressClassName":"traefik"}},
			{"metadata":{"namespace":"default","name":"all"},"spec":{"defaultBackend":{"service":{"name":"web"}}}}]}`,
		PartIngressRoutes: `{"items":[{"metadata":{"namespace":"apps","name":"web"},"spec":{"entryPoints":["websecure"],"tls":{"options":{"name":"mine"}},
			"routes":[{"services":[{"name":"web"},{"name":"far","namespace":"other"},{"name":"split","kind":"TraefikService"}],"middlewares":[{"name":"h"},{"name":"h"},{"name":"x@file"}]}]}},
			{"metadata":{"namespace":"kube-system","name":"dashboard"},"spec":{"routes":[{"services":[{"name":"api@internal","kind":"TraefikService"}]}]}}]}`,
		PartIngressRouteTCPs: `{"items":[{"metadata":{"namespace":"apps","name":"tcp"},"spec":{"routes":[{"services":[{"name":"db"}],"middlewares":[{"name":"h"}]}],"tls":{"passthrough":true}}}]}`,
		PartMiddlewares:      `{"items":[{"metadata":{"namespace":"edge-git","name":"headers"},"spec":{"headers":{"stsSeconds":300,"contentTypeNosniff":true}}},{"metadata":{"namespace":"a","name":"b"},"spec":{"rateLimit":{"average":1}}}]}`,
		PartTLSOptions:       `{"items":[{"metadata":{"namespace":"k3sedge-system","name":"tls"},"spec":{"minVersion":"VersionTLS12","cipherSuites":["A"],"sniStrict":true}}]}`,
		PartSlices: `{"items":[{"metadata":{"namespace":"edge-git","name":"git-1","labels":{"kubernetes.io/service-name":"git","endpointslice.kubernetes.io/managed-by":"k3sedge","k3sedge.dev/service":"git"}},
			"endpoints":[{"addresses":["10.0.0.50"]},{"addresses":["10.0.0.51"]}],"ports":[{"port":3000},{"name":"none"}]}]}`,
		PartCertificates: `{"items":[{"metadata":{"namespace":"edge-git","name":"git-tls"},"spec":{"dnsNames":["git.example.org"]},"status":{"notBefore":"2026-01-01T00:00:00Z","notAfter":"2026-04-01T00:00:00Z",
			"conditions":[{"type":"Issuing","status":"True"},{"type":"Ready","status":"False","reason":"DoesNotExist","message":"issuing"}]}},{"metadata":{"namespace":"a","name":"new"}}]}`,
	}
}

func TestTheListsOfTheEdge(t *testing.T) {
	t.Parallel()
	var c facts.Cluster
	for _, q := range edgeLists() {
		if err := q.keep(&c, []byte(edgeAnswers()[q.part]), nil); err != nil {
			t.Errorf("%s: %v", q.part, err)
		}
	}
	want := facts.Edge{
		Ingresses: []facts.Route{
			{
				Kind: "Ingress", Namespace: "edge-git", Name: "git", Hosts: []string{"git.example.org", "no-paths.example.org"}, Entries: []string{"websecure"}, TLS: true,
				Options: "k3sedge-system-tls@kubernetescrd", Middlewares: []string{"a-b@kubernetescrd", "c-d@kubernetescrd", ""}, Services: []string{"edge-git/git"},
			},
			{Kind: otherController, Namespace: "default", Name: "old"},
			{Kind: "Ingress", Namespace: "default", Name: "all", Services: []string{"default/web"}},
		},
		IngressRoutes: []facts.Route{
			{
				Kind: "IngressRoute", Namespace: "apps", Name: "web", Entries: []string{"websecure"}, TLS: true, Options: "apps-mine@kubernetescrd",
				Middlewares: []string{"apps-h@kubernetescrd", "x@file"}, Services: []string{"apps/web", "other/far", "apps/*"},
			},
			{Kind: "IngressRoute", Namespace: "kube-system", Name: "dashboard", Services: []string{"api@internal"}},
		},
		IngressRouteTCPs: []facts.Route{{Kind: "IngressRouteTCP", Namespace: "apps", Name: "tcp", TLS: true, Passthrough: true, Services: []string{"apps/db"}}},
		Middlewares:      []facts.Middleware{{Namespace: "edge-git", Name: "headers", HSTS: 300, Nosniff: true}, {Namespace: "a", Name: "b"}},
		TLSOptions:       []facts.TLSOption{{Namespace: "k3sedge-system", Name: "tls", MinVersion: "VersionTLS12", Suites: []string{"A"}, SNIStrict: true}},
		Slices: []facts.EndpointSlice{{
			Namespace: "edge-git", Name: "git-1", Service: "git", ManagedBy: "k3sedge", Of: "git", Addresses: []string{"10.0.0.50", "10.0.0.51"}, Ports: []int{3000, 0},
		}},
		Certificates: []facts.Certificate{
			{
				Namespace: "edge-git", Name: "git-tls", Hosts: []string{"git.example.org"}, Reason: "DoesNotExist: issuing",
				NotBefore: "2026-01-01T00:00:00Z", NotAfter: "2026-04-01T00:00:00Z",
			},
			{Namespace: "a", Name: "new", Reason: "nothing is said of it yet"},
		},
	}
	if !reflect.DeepEqual(c.Edge, want) {
		t.Errorf("got  %+v\nwant %+v", c.Edge, want)
	}
}

// A kind that the cluster does not have is an empty list; one that it refuses
// to tell, or tells in another form, is none.
func TestListsThatAreNotThere(t *testing.T) {
	t.Parallel()
	missing := &cluster.StatusError{Method: "GET", Path: "/apis", Code: 404, Message: "not found"}
	refused := &cluster.StatusError{Method: "GET", Path: "/apis", Code: 403, Message: "forbidden"}
	for _, q := range edgeLists() {
		var c facts.Cluster
		err := q.keep(&c, nil, missing)
		if optional := q.part != PartSlices; (err == nil) != optional || edgeSeen(c.Edge)[q.part] != optional {
			t.Errorf("%s is not there: %v, seen %v", q.part, err, edgeSeen(c.Edge)[q.part])
		}
		for _, tt := range []struct {
			answer string
			err    error
		}{{"", refused}, {`{"kind":"Status"}`, nil}, {`{"items":[{"metadata":7}]}`, nil}} {
			var c facts.Cluster
			if err := q.keep(&c, []byte(tt.answer), tt.err); err == nil || tt.err != nil && !errors.Is(err, tt.err) || edgeSeen(c.Edge)[q.part] {
				t.Errorf("%s, %q: %v", q.part, tt.answer, err)
			}
		}
	}
}

// Whatever the API says, the controls judge it: they neither fall over, nor
// pass on a list that is none.
func FuzzEdgeLists(f *testing.F) {
	for _, q := range edgeLists() {
		f.Add(string(q.part), edgeAnswers()[q.part])
	}
	p := Policy{Node: "node-1", Cluster: &ClusterPolicy{Edge: EdgePolicy{Services: []EdgeService{{Name: "git", Host: "git.example.org", Ask: "git.example.org"}}}}}
	empty := facts.Edge{
		Ingresses: []facts.Route{}, IngressRoutes: []facts.Route{}, IngressRouteTCPs: []facts.Route{}, Middlewares: []facts.Middleware{},
		TLSOptions: []facts.TLSOption{}, Slices: []facts.EndpointSlice{}, Certificates: []facts.Certificate{},
	}
	f.Fuzz(func(t *testing.T, part, answer string) {
		i := slices.IndexFunc(edgeLists(), func(q question) bool { return string(q.part) == part })
		if i < 0 {
			return
		}
		c := facts.Cluster{Edge: empty, Pods: []facts.Pod{traefikPod("node-1")}, Namespaces: []facts.Object{}}
		if err := edgeLists()[i].keep(&c, []byte(answer), nil); err != nil && json.Valid([]byte(answer)) {
			return
		}
		host := &facts.Facts{System: &facts.System{BootID: "b"}, Cluster: &c, Wire: map[string]look.DialAnswer{}}
		for _, control := range edgeControls() {
			if v := control.judge(host, p); v.Status == Pass && slices.Contains(control.Needs, PartWire) || len(v.Evidence) == 0 {
				t.Errorf("%s: %s %q without a wire", control.ID, v.Status, fmt.Sprint(v.Evidence))
			}
		}
	})
}
