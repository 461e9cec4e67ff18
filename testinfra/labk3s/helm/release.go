package helm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// inputLabel marks a release with a hash of what it was made of, so that
// nothing is upgraded for nothing, not even after a restart.
const inputLabel = "lab.k3sedge.dev/input"

// errAborted is a failed release that the policy says not to touch.
var errAborted = errors.New("the release is failed and the failure policy is abort: mend the values and take the failed release away")

// target is one release that is to become so.
type target struct {
	namespace, name string
	createNamespace bool
	timeout         time.Duration
	chart           *chart.Chart
	values          map[string]any
	input           string // hash of chart and values
	policy          string
}

// converge makes the release so and says what it did, which is nothing when it
// is so already.
func (t target) converge(ctx context.Context, cfg *action.Configuration) (string, error) {
	last, err := cfg.Releases.Last(t.name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return "installed", t.install(ctx, cfg)
	}
	if err != nil {
		return "", fmt.Errorf("look for the release %s: %w", t.name, err)
	}
	if last.Info.Status.IsPending() { // the last try was cut off
		last.SetStatus(release.StatusFailed, "interrupted")
		if err := cfg.Releases.Update(last); err != nil {
			return "", fmt.Errorf("mark the interrupted release %s failed: %w", t.name, err)
		}
	}
	switch {
	case last.Info.Status == release.StatusDeployed && last.Labels[inputLabel] == t.input:
		return "", nil
	case last.Info.Status == release.StatusDeployed:
		return "upgraded", t.upgrade(ctx, cfg)
	case t.policy == Abort:
		return "", fmt.Errorf("release %s revision %d (%s): %w", t.name, last.Version, last.Info.Description, errAborted)
	}
	if err := uninstall(cfg, t.name); err != nil {
		return "", err
	}
	return "reinstalled", t.install(ctx, cfg)
}

func (t target) install(ctx context.Context, cfg *action.Configuration) error {
	do := action.NewInstall(cfg)
	do.Namespace, do.ReleaseName, do.CreateNamespace, do.Timeout = t.namespace, t.name, t.createNamespace, t.timeout
	do.Labels = map[string]string{inputLabel: t.input}
	if _, err := do.RunWithContext(ctx, t.chart, t.values); err != nil {
		return fmt.Errorf("install %s: %w", t.name, err)
	}
	return nil
}

func (t target) upgrade(ctx context.Context, cfg *action.Configuration) error {
	do := action.NewUpgrade(cfg)
	do.Namespace, do.Timeout, do.MaxHistory = t.namespace, t.timeout, 10
	do.Labels = map[string]string{inputLabel: t.input}
	if _, err := do.RunWithContext(ctx, t.name, t.chart, t.values); err != nil {
		return fmt.Errorf("upgrade %s: %w", t.name, err)
	}
	return nil
}

func uninstall(cfg *action.Configuration, name string) error {
	do := action.NewUninstall(cfg)
	do.IgnoreNotFound = true
	if _, err := do.Run(name); err != nil {
		return fmt.Errorf("uninstall %s: %w", name, err)
	}
	return nil
}
