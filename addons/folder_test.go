package addons

import (
	"errors"
	"testing"
)

// A checkout without its services must not take the edge down.
func TestWithoutAFolderNothingIsTakenAway(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService()), k)
	before := len(k.Writes())
	bare := testConfig()
	bare.NoFolder = true
	if result, _, err := run(t, bare, k); !errors.Is(err, errNoFolder) || result.Failed != 1 || len(k.Writes()) != before {
		t.Errorf("%+v, %v, wrote %v", result, err, k.Writes()[before:])
	}
	mustRun(t, testConfig(), k) // an empty folder is a list
	if len(k.Writes()) == before {
		t.Error("nothing was taken away for an empty folder")
	}
	mustRun(t, bare, k)
}

// A stranger's fault is no reason to keep a service that is to go.
func TestASliceWithoutPortDoesNotKeepAService(t *testing.T) {
	t.Parallel()
	k := newKube(t)
	mustRun(t, testConfig(testService()), k)
	put(t, k, slicePorts(map[string]any{"name": "http"}))
	leaves := testConfig()
	leaves.Only = "git"
	mustRun(t, leaves, k)
	if _, err := k.API().Get(t.Context(), "/api/v1/namespaces/edge-git"); err == nil {
		t.Error("the service is still there")
	}
}
