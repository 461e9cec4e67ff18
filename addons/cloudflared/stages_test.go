package cloudflared

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/addons/cloudflare"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

func TestObjects(t *testing.T) {
	t.Parallel()
	for _, management := range []inventory.TunnelManagement{inventory.TunnelRemote, inventory.TunnelLocal} {
		objects, err := Objects(testCluster(management), []inventory.Service{public("git")}, connector(canary))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, string(management), objects)
	}
}

func TestTheConfigurationIsYAML(t *testing.T) {
	t.Parallel()
	text, err := configuration(testCluster(inventory.TunnelLocal), []inventory.Service{public("git"), public("a")}, tunnelID)
	if err != nil {
		t.Fatal(err)
	}
	var back file
	if err := yaml.Unmarshal([]byte(text), &back); err != nil || len(back.Ingress) != 3 || back.Ingress[0].Hostname != "a.lab.test" || back.Ingress[2] != (rule{Service: "http_status:404"}) {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestASecondRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := testConfig(inventory.TunnelRemote, canary)
	l := &eventlog.Log{}
	if got, err := converge.Run(t.Context(), nil, l, PlanStages(c, s)...); err != nil || got.Differs != 2 || len(s.kube.Writes()) > 0 {
		t.Errorf("plan: %+v, %v\n%s", got, err, l)
	}
	if got := s.mustRun(t, c); got.Changed == 0 || got.Failed > 0 {
		t.Errorf("first run: %+v", got)
	}
	before := len(s.kube.Writes())
	if got := s.mustRun(t, c); got != (converge.Result{Holds: 2}) || len(s.kube.Writes()) != before {
		t.Errorf("second run: %+v, wrote %v", got, s.kube.Writes()[before:])
	}
	held, err := HeldTunnel(t.Context(), s)
	if err != nil || held != tunnelID {
		t.Errorf("%q, %v", held, err)
	}
}

func TestAnotherTokenStartsThePodsAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mustRun(t, testConfig(inventory.TunnelRemote, canary))
	before := len(s.kube.Writes())
	s.mustRun(t, testConfig(inventory.TunnelRemote, canary+"-2"))
	var paths []string
	for _, w := range s.kube.Writes()[before:] {
		paths = append(paths, w.Path)
	}
	if got := strings.Join(paths, " "); got != object.Path(secret(tokenSecret, tokenKey, "", inventory.Secret{}))+" "+daemonSetPath() {
		t.Errorf("wrote %s", got)
	}
}

func TestFromRemoteToLocalAndBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, credentials, config := object.Secret{}.Kind().Path(Namespace, tokenSecret), object.Secret{}.Kind().Path(Namespace, credentialsSecret), object.ConfigMap{}.Kind().Path(Namespace, name)
	for _, management := range []inventory.TunnelManagement{inventory.TunnelRemote, inventory.TunnelLocal, inventory.TunnelRemote} {
		s.mustRun(t, testConfig(management, canary, public("git")))
		local := management == inventory.TunnelLocal
		if (s.kube.Object(token) != nil) == local || (s.kube.Object(credentials) != nil) != local || (s.kube.Object(config) != nil) != local {
			t.Errorf("%s leaves %v", management, s.kube.Paths())
		}
		if held, err := HeldTunnel(t.Context(), s); held != tunnelID || err != nil {
			t.Errorf("%s: %q, %v", management, held, err)
		}
	}
}

func TestLocalRulesStartThePodsAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mustRun(t, testConfig(inventory.TunnelLocal, canary, public("git")))
	before := len(s.kube.Writes())
	s.mustRun(t, testConfig(inventory.TunnelLocal, canary, public("git"), public("wiki")))
	if writes := s.kube.Writes()[before:]; len(writes) != 2 || writes[1].Path != daemonSetPath() {
		t.Errorf("wrote %v", writes)
	}
}

func TestInAnotherModeItGoes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	lan := testConfig(inventory.TunnelRemote, canary)
	lan.Cluster.Edge = &inventory.Edge{Mode: inventory.EdgeLAN, Cloudflare: lan.Cluster.Edge.Cloudflare}
	if got := s.mustRun(t, lan); got != (converge.Result{Holds: 1}) {
		t.Errorf("nothing was there: %+v", got)
	}
	s.mustRun(t, testConfig(inventory.TunnelRemote, canary))
	if err := s.kube.Put("kubectl", doc{"apiVersion": "v1", "kind": "ConfigMap", "metadata": doc{"name": "theirs", "namespace": Namespace}}); err != nil {
		t.Fatal(err)
	}
	s.mustRun(t, lan)
	theirs := object.ConfigMap{}.Kind().Path(Namespace, "theirs")
	if s.kube.Object(daemonSetPath()) != nil || s.kube.Object(theirs) == nil {
		t.Errorf("left %v", s.kube.Paths())
	}
	s.kube.Remove(theirs)
	s.mustRun(t, lan)
	if s.kube.Object(namespacePath()) != nil {
		t.Errorf("left %v", s.kube.Paths())
	}
	if held, err := HeldTunnel(t.Context(), s); held != "" || err != nil {
		t.Errorf("%q, %v", held, err)
	}
}

func TestWithoutATunnelAPlanSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := testConfig(inventory.TunnelRemote, canary)
	c.Connector = func(context.Context) (cloudflare.Connector, error) { return cloudflare.Connector{}, nil }
	l := &eventlog.Log{}
	if got, err := converge.Run(t.Context(), nil, l, PlanStages(c, s)...); err != nil || got.Differs != 2 || !strings.Contains(l.String(), "once the tunnel is made") {
		t.Errorf("%+v, %v\n%s", got, err, l)
	}
	away := errors.New("Cloudflare is away")
	c.Connector = func(context.Context) (cloudflare.Connector, error) { return cloudflare.Connector{}, away }
	if _, _, err := s.run(t, c); !errors.Is(err, away) || len(s.kube.Writes()) > 0 {
		t.Errorf("%v", err)
	}
}

func TestWhyItDoesNotConnect(t *testing.T) {
	t.Parallel()
	running := doc{"phase": "Running", "conditions": []any{doc{"type": "Ready", "status": "False"}}}
	waiting := func(reason, message string) doc {
		return doc{"phase": "Running", "containerStatuses": []any{doc{"state": doc{"waiting": doc{"reason": reason, "message": message}}}}}
	}
	for name, tc := range map[string]struct {
		status    doc
		log       string
		say, hint string
	}{
		"blocked":       {running, "2026-11-30T04:00:00Z INF Starting\n2026-11-30T04:00:05Z ERR Failed to dial a quic connection error=\"timeout: no recent network activity\" ip=198.41.192.7\n", "Failed to dial a quic connection", "port 7844"},
		"a dead tunnel": {running, "2026-11-30T04:00:05Z ERR Register tunnel error from server side error=\"Unauthorized: Tunnel not found\"\n", "Unauthorized", "deleted or its token changed"},
		"a bad token":   {waiting("CrashLoopBackOff", ""), "Provided Tunnel token is not valid.", "CrashLoopBackOff: Provided Tunnel token is not valid.", "deleted or its token changed"},
		"no image":      {waiting("ImagePullBackOff", "Back-off pulling image"), "", "ImagePullBackOff", "no image of cloudflared"},
		"no names":      {running, "2026-11-30T04:00:05Z ERR edge discovery: error looking up Cloudflare edge IPs: lookup region1.v2.argotunnel.com: no such host\n", "no such host", "network.dns"},
		"silent":        {running, "", "edge-1: running", "describe daemonset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t)
				s.ready = 1
				s.pod(t, "edge-1", tc.status, tc.log)
				s.kube.Remove(namespacePath()) // it came with the pod, and not from us
				_, text, err := s.run(t, testConfig(inventory.TunnelRemote, canary))
				var hint interface{ Hint() string }
				var late *converge.LateError
				if !errors.As(err, &late) || !strings.Contains(err.Error(), tc.say) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), tc.hint) {
					t.Errorf("%v\n%.2000s", err, text)
				}
				if !strings.Contains(text, "1 of 2 pods connected") {
					t.Errorf("nothing is said while it waits:\n%.2000s", text)
				}
			})
		})
	}
}

func TestTheClusterIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := s.kube.Fault(fakekube.Fault{Trouble: fakekube.Away}); err != nil {
		t.Fatal(err)
	}
	if _, err := HeldTunnel(t.Context(), s); err == nil {
		t.Error("no error")
	}
	if got, err := converge.Run(t.Context(), nil, &eventlog.Log{}, PlanStages(testConfig(inventory.TunnelRemote, canary), s)...); err != nil || got.Unknown != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}
