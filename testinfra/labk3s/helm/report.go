package helm

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// report writes the conditions in K3s' words, and tells in an event and in the
// log what was done or failed.
func (c *controller) report(ctx context.Context, chart Chart, did string, failure error) error {
	status := ChartStatus{JobName: chart.jobName(), Conditions: conditions(chart, failure)}
	switch {
	case failure != nil:
		c.events.Event(&chart, corev1.EventTypeWarning, "JobFailed", failure.Error())
	case did != "":
		logrus.Infof("helm-controller: %s release %s/%s", did, chart.releaseNamespace(), chart.Name)
		c.events.Eventf(&chart, corev1.EventTypeNormal, "ApplyJob", "Applying HelmChart from %s using Job %s/%s", chart.Spec.Chart, chart.Namespace, chart.jobName())
	}
	if reflect.DeepEqual(chart.Status, status) {
		return nil
	}
	return c.patch(ctx, chart, map[string]any{"status": status}, "status")
}

func conditions(chart Chart, failure error) []Condition {
	created := Condition{conditionJobCreated, corev1.ConditionTrue, "Job created",
		fmt.Sprintf("Applying HelmChart using Job %s/%s", chart.Namespace, chart.jobName())}
	failed := Condition{Type: conditionFailed, Status: corev1.ConditionFalse}
	if failure != nil {
		failed = Condition{conditionFailed, corev1.ConditionTrue, "Job failed",
			"Job has reached configured number of retries without succeeding: " + failure.Error()}
	}
	return []Condition{created, failed}
}

// hold sees to it that a HelmChart does not vanish before its release.
func (c *controller) hold(ctx context.Context, chart Chart) error {
	if slices.Contains(chart.Finalizers, finalizer) {
		return nil
	}
	return c.setFinalizers(ctx, chart, append(slices.Clone(chart.Finalizers), finalizer))
}

// remove takes the release away, then lets the HelmChart go.
func (c *controller) remove(ctx context.Context, chart Chart, uninstall func() error) error {
	at := slices.Index(chart.Finalizers, finalizer)
	if at < 0 {
		return nil
	}
	if err := uninstall(); err != nil {
		return err
	}
	logrus.Infof("helm-controller: uninstalled release %s/%s", chart.releaseNamespace(), chart.Name)
	return c.setFinalizers(ctx, chart, slices.Delete(slices.Clone(chart.Finalizers), at, at+1))
}

func (c *controller) setFinalizers(ctx context.Context, chart Chart, to []string) error {
	return c.patch(ctx, chart, map[string]any{"metadata": map[string]any{"finalizers": to}})
}

func (c *controller) patch(ctx context.Context, chart Chart, what map[string]any, subresource ...string) error {
	content, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("write a patch: %w", err)
	}
	_, err = c.charts.Namespace(chart.Namespace).Patch(ctx, chart.Name, types.MergePatchType, content, metav1.PatchOptions{}, subresource...)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patch HelmChart %s: %w", chart.Name, err)
	}
	return nil
}
