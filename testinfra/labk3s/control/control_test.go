package control

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
)

func plane(t *testing.T) Plane {
	t.Helper()
	p := Plane{Config: config.Defaults(), Dir: t.TempDir(), Advertise: "127.0.0.1"}
	cas, err := pki.Open(filepath.Join(p.Dir, "tls"))
	if err != nil {
		t.Fatal(err)
	}
	if err := cas.Keep(pki.Names{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMerge(t *testing.T) {
	t.Parallel()
	defaults := map[string]string{"b": "default", "c": "kept"}
	got := merge(defaults, []string{"b=1", "--a", "b=2"})
	if want := []string{"--a=true", "--b=1", "--b=2", "--c=kept"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	args := []string{"tls-min-version=VersionTLS12", "x=y", "--tls-min-version=VersionTLS13"}
	if got := Value(args, "tls-min-version"); got != "VersionTLS13" {
		t.Errorf("got %q", got)
	}
	if got := Value(args, "tls"); got != "" {
		t.Errorf("a part of a name gives %q", got)
	}
}

func TestArgumentsOfTheParts(t *testing.T) {
	t.Parallel()
	p := plane(t)
	p.Config.APIServerArgs = []string{"enable-admission-plugins=NodeRestriction,EventRateLimit", "audit-log-path=/x"}
	p.Config.SecretsEncryption = true
	p.Members = true
	for part, want := range map[string]struct {
		args []string
		want []string
	}{
		"kube-apiserver": {p.APIServer(), []string{
			"--enable-admission-plugins=NodeRestriction,EventRateLimit", "--audit-log-path=/x", "--anonymous-auth=false",
			"--secure-port=6444", "--advertise-port=6443",
			"--encryption-provider-config=" + filepath.Join(p.Dir, "cred/encryption-config.json"),
		}},
		"kube-controller-manager": {p.ControllerManager(), []string{
			"--leader-elect=true", "--cluster-cidr=10.42.0.0/16",
			"--cluster-signing-kubelet-serving-cert-file=" + filepath.Join(p.Dir, "tls/server-ca.crt"),
		}},
		"kube-scheduler": {p.Scheduler(), []string{"--leader-elect=true", "--bind-address=127.0.0.1"}},
	} {
		for _, a := range want.want {
			if !slices.Contains(want.args, a) {
				t.Errorf("%s lacks %s: %q", part, a, want.args)
			}
		}
	}
}

func TestEtcdFile(t *testing.T) {
	t.Parallel()
	p := plane(t)
	p.Advertise, p.Contained = "10.77.0.11", true
	p.Config.EtcdArgs = []string{"quota-backend-bytes=1000000", "heartbeat-interval=150"}
	file, err := p.etcdFile(Etcd{Name: "edge-1", Public: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := embed.ConfigFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.QuotaBackendBytes != 1000000 || c.TickMs != 150 || !c.UnsafeNoFsync || !c.ClientTLSInfo.ClientCertAuth {
		t.Errorf("etcd's configuration does not hold what was asked for: %+v", c)
	}
	if len(c.ListenClientUrls) != 2 || c.AdvertisePeerUrls[0].Host != "10.77.0.11:2380" {
		t.Errorf("listens on %v, peers at %v", c.ListenClientUrls, c.AdvertisePeerUrls)
	}
	p.Config.EtcdArgs = []string{"nonsense=1"}
	if _, err := p.etcdFile(Etcd{Name: "edge-1"}); !errors.Is(err, ErrEtcdArg) {
		t.Errorf("an unknown argument gives %v", err)
	}
}

func TestASingleServersEtcdStaysOnLoopback(t *testing.T) {
	t.Parallel()
	p := plane(t)
	p.Advertise = "10.77.0.11"
	for key, v := range p.etcdValues("dir", Etcd{Name: "n"}) {
		if s, ok := v.(string); ok && strings.Contains(s, "10.77.0.11") {
			t.Errorf("%s is %s", key, s)
		}
	}
	joined := p.etcdValues("dir", Etcd{Name: "n", Public: true, Cluster: "a=https://1:2380,n=https://2:2380"})
	if joined["initial-cluster-state"] != "existing" {
		t.Errorf("a further member starts a cluster of its own: %v", joined)
	}
}

func TestTheEncryptionKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	p := plane(t)
	file := filepath.Join(p.Dir, "cred", "encryption-config.json")
	if err := p.KeepEncryption(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a key was made that nobody asked for")
	}
	p.Config.SecretsEncryption = true
	var kept [2][]byte
	for i := range kept {
		if err := p.KeepEncryption(); err != nil {
			t.Fatal(err)
		}
		var err error
		if kept[i], err = os.ReadFile(file); err != nil || !json.Valid(kept[i]) {
			t.Fatalf("%s, %v", kept[i], err)
		}
	}
	if string(kept[0]) != string(kept[1]) {
		t.Error("a second start makes another key: nothing could be read any more")
	}
}

func TestKubeconfigs(t *testing.T) {
	t.Parallel()
	p := plane(t)
	p.Config.WriteKubeconfig = filepath.Join(t.TempDir(), "k3s", "k3s.yaml")
	if err := p.Kubeconfigs(); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteAdmin(0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{p.cred("admin.kubeconfig"), p.cred("scheduler.kubeconfig"), p.Config.WriteKubeconfig} {
		c, err := clientcmd.BuildConfigFromFlags("", file)
		if err != nil {
			t.Error(err)
			continue
		}
		if c.CAFile == "" && len(c.CAData) == 0 || c.CertFile == "" && len(c.CertData) == 0 {
			t.Errorf("%s proves nothing: %+v", file, c)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

func TestTheListenerNamesThePortOfTheWorld(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if got := (advertised{l, 6443}).Addr().String(); got != "127.0.0.1:6443" {
		t.Errorf("got %s", got)
	}
}

func TestTheAPIServerKnowsItsFlags(t *testing.T) {
	t.Parallel()
	p := plane(t)
	p.Config.SecretsEncryption = true
	flags := NewAPIServer().Flags()
	if err := flags.Parse(p.APIServer()); err != nil {
		t.Error(err)
	}
	if err := flags.Parse([]string{"--nonsense=1"}); err == nil {
		t.Error("an unknown argument was accepted")
	}
}

// Who loses the power has to find what was written; who shares a machine never does.
func TestAWholeMachineWaitsForItsWrites(t *testing.T) {
	t.Parallel()
	for _, contained := range []bool{true, false} {
		p := Plane{Dir: t.TempDir(), Contained: contained}
		file, err := p.etcdFile(Etcd{Name: "edge-1"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := embed.ConfigFromFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if c.UnsafeNoFsync != contained {
			t.Errorf("in a container %t: no fsync %t", contained, c.UnsafeNoFsync)
		}
	}
}

func TestALeaseIsLongerOnAnEmulatedProcessor(t *testing.T) {
	t.Parallel()
	const longer = "--leader-elect-lease-duration=150s"
	for _, emulated := range []bool{true, false} {
		p := Plane{Members: true, Emulated: emulated}
		if got := slices.Contains(p.ControllerManager(), longer) && slices.Contains(p.Scheduler(), longer); got != emulated {
			t.Errorf("emulated %v: longer %v", emulated, got)
		}
	}
}
