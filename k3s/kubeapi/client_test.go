package kubeapi_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k3sedge/k3sedge/k3s/kubeapi"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// site is a cluster with a client on the way to it.
type site struct {
	kube   *fakekube.Kube
	server *fakekube.Server
	client *kubeapi.Client
	reads  atomic.Int64 // of the kubeconfig
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{kube: fakekube.New()}
	var err error
	if s.server, err = s.kube.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.server.Close)
	s.client = kubeapi.New(kubeapi.Config{Dialer: s.server, Kubeconfig: func(context.Context) ([]byte, error) {
		s.reads.Add(1)
		return s.server.Kubeconfig(), nil
	}})
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

const node = "/api/v1/nodes/edge-1"

func (s *site) get(t *testing.T) error {
	t.Helper()
	_, err := s.client.Get(t.Context(), "/api/v1/namespaces/default")
	return err
}

func TestManyRequestsShareOneConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var wg sync.WaitGroup
	errs := make([]error, 300)
	for i := range errs {
		wg.Go(func() { errs[i] = s.get(t) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if s.server.Dials() != 1 || s.reads.Load() != 1 {
		t.Errorf("%d connections, %d reads of the kubeconfig, want one of each", s.server.Dials(), s.reads.Load())
	}
}

func TestNothingConnectsBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := s.client.Close(); err != nil || s.server.Dials() != 0 || s.reads.Load() != 0 {
		t.Errorf("%v, %d connections", err, s.server.Dials())
	}
	if err := s.get(t); !cluster.Away(err) {
		t.Errorf("after Close: %v", err)
	}
}

func TestALostConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 3 {
		if err := s.get(t); err != nil {
			t.Fatal(err)
		}
		s.server.Cut()
	}
	if s.server.Dials() != 3 {
		t.Errorf("%d connections, want 3", s.server.Dials())
	}
}

func TestARebuiltClusterIsTrustedAgain(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]bool{"over the old connection": false, "after it broke": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if err := s.get(t); err != nil {
				t.Fatal(err)
			}
			if err := s.server.Rebuild(); err != nil {
				t.Fatal(err)
			}
			if cut {
				s.server.Cut()
			}
			if err := s.get(t); err != nil {
				t.Error(err)
			}
			if s.reads.Load() != 2 {
				t.Errorf("%d reads of the kubeconfig, want 2", s.reads.Load())
			}
		})
	}
}

func TestAnAPIThatIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.server.Refuse(true)
	err := s.get(t)
	var refused *machine.DialError
	if !cluster.Away(err) || !errors.As(err, &refused) || cluster.NotFound(err) {
		t.Errorf("refused: %v", err)
	}
	s.server.Refuse(false)
	if err := s.get(t); err != nil {
		t.Errorf("back again: %v", err)
	}
}

func TestTroublesAreTyped(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault fakekube.Fault
		away  bool
		code  int
		words string
	}{
		"cut":            {fakekube.Fault{Trouble: fakekube.Away}, true, 0, "does not answer"},
		"half an answer": {fakekube.Fault{Trouble: fakekube.Half}, true, 0, "the answer broke off"},
		"starting":       {fakekube.Fault{Trouble: fakekube.Error, Status: 503, Message: "apiserver not ready"}, true, 503, "apiserver not ready (503)"},
		"broken":         {fakekube.Fault{Trouble: fakekube.Error, Message: "etcd is full"}, false, 500, "GET " + node + ": etcd is full (500)"},
		"forbidden":      {fakekube.Fault{Trouble: fakekube.Error, Status: 403, Reason: "Forbidden"}, false, 403, "(403)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if err := s.kube.Fault(tc.fault); err != nil {
				t.Fatal(err)
			}
			_, err := s.client.Get(t.Context(), node)
			var status *cluster.StatusError
			if got := errors.As(err, &status); cluster.Away(err) != tc.away || got != (tc.code != 0) || got && status.Code != tc.code {
				t.Errorf("got %#v", err)
			}
			if !strings.Contains(fmt.Sprint(err), tc.words) {
				t.Errorf("got %v, want %q", err, tc.words)
			}
		})
	}
}

func TestAnswersThatAreNoStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := s.client.Get(t.Context(), "/apis/absent.example/v1/things")
	if !cluster.NotFound(err) || !strings.Contains(fmt.Sprint(err), "404 page not found (404)") {
		t.Errorf("got %v", err)
	}
	if err := s.client.Delete(t.Context(), "/apis/absent.example/v1/things/a"); err != nil {
		t.Errorf("to delete what is not there: %v", err)
	}
}

func TestTooManyRequestsAreSentAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		count, requests int
		want            time.Duration
		fails           bool
	}{
		"twice":  {2, 3, 6 * time.Second, false},
		"always": {0, 5, 12 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := fakekube.New()
				if err := k.Fault(fakekube.Fault{Trouble: fakekube.Error, Status: 429, RetryAfter: 3, Count: tc.count}); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_, err := k.API().Get(t.Context(), "/api/v1/namespaces/default")
				if (err != nil) != tc.fails || cluster.Away(err) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(began); took != tc.want || len(k.Requests()) != tc.requests {
					t.Errorf("%d requests in %s, want %d in %s", len(k.Requests()), took, tc.requests, tc.want)
				}
			})
		})
	}
}

func TestCancelEndsARequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	arrived := make(chan struct{})
	silent := kubeapi.New(kubeapi.Config{Kubeconfig: func(context.Context) ([]byte, error) { return s.server.Kubeconfig(), nil },
		Dialer: dialer(func(ctx context.Context) (net.Conn, error) {
			close(arrived)
			<-ctx.Done()
			return nil, ctx.Err()
		})})
	why := errors.New("Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(why)
	}()
	if _, err := silent.Get(ctx, node); !errors.Is(err, why) || !cluster.Away(err) {
		t.Errorf("got %v", err)
	}
	if err := silent.Close(); err != nil {
		t.Error(err)
	}
}

type dialer func(context.Context) (net.Conn, error)

// Dial implements machine.Dialer.
func (d dialer) Dial(ctx context.Context, _ string) (net.Conn, error) { return d(ctx) }

func TestWhatIsWrongWithTheKubeconfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := newSite(t)
	gone := &machine.UnreachableError{Address: "10.0.0.11:22", State: machine.Timeout}
	for name, tc := range map[string]struct {
		kubeconfig []byte
		err        error
		words      string
	}{
		"of another cluster": {other.server.Kubeconfig(), nil, "not of the cluster that the server's kubeconfig names"},
		"half":               {s.server.Kubeconfig()[:200], nil, "read the kubeconfig"},
		"not to be had":      {nil, gone, "10.0.0.11:22"},
	} {
		c := kubeapi.New(kubeapi.Config{Dialer: s.server, Kubeconfig: func(context.Context) ([]byte, error) { return tc.kubeconfig, tc.err }})
		_, err := c.Get(t.Context(), node)
		if !cluster.Away(err) || !strings.Contains(fmt.Sprint(err), tc.words) || tc.err != nil && !errors.Is(err, tc.err) {
			t.Errorf("%s: got %v, want %q", name, err, tc.words)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNoSecretIsQuoted(t *testing.T) {
	t.Parallel()
	k := fakekube.New()
	if err := k.Fault(fakekube.Fault{Trouble: fakekube.Error, Status: http.StatusBadRequest, Reason: "BadRequest", Message: "cannot decode canary"}); err != nil {
		t.Fatal(err)
	}
	o := cluster.Object{Path: "/api/v1/namespaces/default/secrets/a", JSON: []byte(`{"data":{"a":"canary"}}`)}
	_, err := k.API().Preview(t.Context(), o)
	for what, err := range map[string]error{"apply": k.API().Apply(t.Context(), o), "preview": err} {
		if text := fmt.Sprint(err); err == nil || strings.Contains(text, "canary") || !strings.Contains(text, "BadRequest") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPathsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "api/v1/nodes", "@evil.example/", "/%zz"} {
		if _, err := fakekube.New().API().Get(t.Context(), path); err == nil {
			t.Errorf("%q was asked for", path)
		}
	}
}
