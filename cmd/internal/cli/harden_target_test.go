package cli

import (
	"io"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/hardening"
	"github.com/k3sedge/k3sedge/inventory"
)

// parsed are the options that words of the command line give.
func parsed(t *testing.T, words ...string) hardenOptions {
	t.Helper()
	var o hardenOptions
	app := newApp(testStreams(io.Discard, io.Discard))
	app.Command("harden").Action = func(c *cli.Context) error { o = hardenOptionsOf(c); return nil }
	if err := app.Run(append([]string{"k3sedge", "harden"}, words...)); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTheTimeOfADeepLook(t *testing.T) {
	t.Parallel()
	if o := parsed(t); o.fleet.timeout != defaultTimeout || o.fleet.parallel != defaultParallel || o.target.deep {
		t.Errorf("options %+v", o)
	}
	if o := parsed(t, "--deep"); o.fleet.timeout != deepTimeout || !o.target.deep {
		t.Errorf("deep: %+v", o)
	}
	if o := parsed(t, "--deep", "--timeout", "1m"); o.fleet.timeout != time.Minute {
		t.Errorf("deep, with a time: %+v", o)
	}
}

func TestAimingReachesEveryPolicy(t *testing.T) {
	t.Parallel()
	o := parsed(t, "--only", "SSH,FW-01", "--only", "KRN", "--skip", "SSH-02", "--profile", "strict", "--deep", "--node", "edge-2")
	nodes := testNodes("edge-1", "edge-2")
	st := &site{chosen: nodes, policies: map[string]hardening.Policy{"edge-1": {Node: "edge-1"}, "edge-2": {Node: "edge-2"}}}
	st.project.Cluster.Nodes = nodes
	if err := st.aim(o.target); err != nil {
		t.Fatal(err)
	}
	if len(st.chosen) != 1 || st.chosen[0].Name != "edge-2" || st.project.Cluster.Hardening.Profile != inventory.Strict {
		t.Errorf("chosen %+v, profile %s", st.chosen, st.project.Cluster.Hardening.Profile)
	}
	for name, p := range st.policies {
		if !p.Deep || p.Profile != hardening.Strict || !p.Selection.Selects("SSH-01") || !p.Selection.Selects("KRN-01") || p.Selection.Selects("SSH-02") || p.Selection.Selects("FW-02") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
