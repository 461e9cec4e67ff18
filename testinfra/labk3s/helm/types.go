package helm

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The failure policies.
const (
	Reinstall = "reinstall" // a failed release is uninstalled and installed anew: the default
	Abort     = "abort"     // a failed release stays as it is until somebody clears it
)

const (
	conditionJobCreated = "JobCreated"
	conditionFailed     = "Failed"
	finalizer           = "wrangler.cattle.io/on-helm-chart-remove"
)

// Chart is a HelmChart.
type Chart struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ChartSpec   `json:"spec,omitempty"`
	Status            ChartStatus `json:"status,omitempty,omitzero"`
}

// ChartSpec says what to install. The fields that the lab refuses are left out
// and are refused by the API server when it decodes strictly.
type ChartSpec struct {
	TargetNamespace string                        `json:"targetNamespace,omitempty"`
	CreateNamespace bool                          `json:"createNamespace,omitempty"`
	Chart           string                        `json:"chart,omitempty"`
	Version         string                        `json:"version,omitempty"`
	Repo            string                        `json:"repo,omitempty"`
	Set             map[string]intstr.IntOrString `json:"set,omitempty"`
	ValuesContent   string                        `json:"valuesContent,omitempty"`
	Bootstrap       bool                          `json:"bootstrap,omitempty"`
	ChartContent    string                        `json:"chartContent,omitempty"`
	BackOffLimit    *int32                        `json:"backOffLimit,omitempty"`
	Timeout         *metav1.Duration              `json:"timeout,omitempty"`
	FailurePolicy   string                        `json:"failurePolicy,omitempty"`
}

// ChartStatus is what became of it.
type ChartStatus struct {
	JobName    string      `json:"jobName,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
}

// Condition is one of JobCreated and Failed.
type Condition struct {
	Type    string                 `json:"type"`
	Status  corev1.ConditionStatus `json:"status"`
	Reason  string                 `json:"reason,omitempty"`
	Message string                 `json:"message,omitempty"`
}

// Config is a HelmChartConfig: what somebody else wants of a HelmChart with
// the same name and namespace.
type Config struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ConfigSpec `json:"spec,omitempty"`
}

// ConfigSpec goes before the HelmChart's own.
type ConfigSpec struct {
	ValuesContent string `json:"valuesContent,omitempty"`
	FailurePolicy string `json:"failurePolicy,omitempty"`
}

// NewChart returns an empty HelmChart.
func NewChart(namespace, name string) Chart {
	return Chart{
		TypeMeta:   metav1.TypeMeta{APIVersion: groupVersion().String(), Kind: "HelmChart"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
	}
}

func groupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: "helm.cattle.io", Version: "v1"}
}

func chartsResource() schema.GroupVersionResource {
	return groupVersion().WithResource("helmcharts")
}

func configsResource() schema.GroupVersionResource {
	return groupVersion().WithResource("helmchartconfigs")
}

func (c Chart) releaseNamespace() string {
	if c.Spec.TargetNamespace != "" {
		return c.Spec.TargetNamespace
	}
	return c.Namespace
}

func (c Chart) jobName() string { return "helm-install-" + c.Name }

// DeepCopyObject makes a Chart what an event can be about.
func (c *Chart) DeepCopyObject() runtime.Object {
	out := *c
	c.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return &out
}
