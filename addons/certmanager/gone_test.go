package certmanager

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/testinfra/eventlog"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// leaving is a cluster whose cert-manager is to go, with an Order in this
// state and its Challenge.
func leaving(t *testing.T, state string) (*fakekube.Kube, Config) {
	t.Helper()
	k, c := newKube(t), configOf(t)
	mustRun(t, c, k)
	k.React(nil)
	put(t, k, in("acme.cert-manager.io/v1", "Order", "edge-git", "git-1", doc{"spec": doc{}, "status": doc{"state": state}}))
	if state != "valid" {
		put(t, k, in("acme.cert-manager.io/v1", "Challenge", "edge-git", "git-1-7", doc{"spec": doc{}}))
	}
	c.Cluster.Edge.Certificates = nil
	return k, c
}

// TestWhatIsBegunIsTakenBackFirst: a Challenge holds on until the controller
// has let go of it, for which it needs the issuer and the token.
func TestWhatIsBegunIsTakenBackFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, c := leaving(t, "pending")
		before := len(k.Writes())
		l, done := &eventlog.Log{}, make(chan error)
		go func() {
			_, err := converge.Run(t.Context(), nil, l, Stages(c, k.API())...)
			done <- err
		}()
		time.Sleep(time.Minute)
		if wrote := k.Writes()[before:]; len(wrote) > 0 || !strings.Contains(l.String(), "Order edge-git/git-1 and 1 more") {
			t.Errorf("it has not waited: %v\n%s", wrote, l)
		}
		k.Remove("/apis/acme.cert-manager.io/v1/namespaces/edge-git/orders/git-1")
		time.Sleep(10 * time.Second)
		if !strings.Contains(l.String(), "Challenge edge-git/git-1-7)") && !strings.Contains(l.String(), "(Challenge edge-git/git-1-7") {
			t.Errorf("it does not say for what it waits:\n%s", l)
		}
		k.Remove("/apis/acme.cert-manager.io/v1/namespaces/edge-git/challenges/git-1-7")
		if err := <-done; err != nil || k.Object(ref().Path()) != nil {
			t.Errorf("%v", err)
		}
	})
}

// TestWhatNobodyTakesBack: the wait has an end, and nothing is taken away.
func TestWhatNobodyTakesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, c := leaving(t, "pending")
		before := len(k.Writes())
		_, err := run(t, c, k)
		var late *converge.LateError
		if !errors.As(err, &late) || !strings.Contains(err.Error(), "edge-git/git-1") || !strings.Contains(hintOf(err), "finalizers") || len(k.Writes()) != before {
			t.Errorf("%v, hint %q, wrote %v", err, hintOf(err), k.Writes()[before:])
		}
		k, c = leaving(t, "valid") // one that is done keeps nobody
		if got := mustRun(t, c, k); got.Changed != 1 {
			t.Errorf("%+v", got)
		}
		k.Remove(ref().Path())
	})
}
