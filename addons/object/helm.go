package object

const helmGroup = "helm.cattle.io"

// HelmChart is a helm.cattle.io/v1 HelmChart: a chart that K3s installs.
type HelmChart struct {
	Meta `json:"-"`
	Spec HelmChartSpec `json:"spec"`
}

// HelmChartSpec is the chart itself, its values, and where it goes. For
// FailurePolicy see HelmChartConfigSpec.
type HelmChartSpec struct {
	ChartContent    []byte `json:"chartContent"` // the packed chart
	ValuesContent   string `json:"valuesContent"`
	TargetNamespace string `json:"targetNamespace"`
	FailurePolicy   string `json:"failurePolicy"`
}

// Kind implements Object.
func (HelmChart) Kind() Kind {
	return Kind{helmGroup, "v1", "HelmChart", "helmcharts", false}
}

// HelmChartConfig is a helm.cattle.io/v1 HelmChartConfig: the values for the
// HelmChart of its name and namespace.
type HelmChartConfig struct {
	Meta `json:"-"`
	Spec HelmChartConfigSpec `json:"spec"`
}

// HelmChartConfigSpec is the values, and what to do where Helm fails. Left
// out, the latter would uninstall the release and install it anew.
type HelmChartConfigSpec struct {
	FailurePolicy string `json:"failurePolicy"`
	ValuesContent string `json:"valuesContent"` // YAML
}

// Kind implements Object.
func (HelmChartConfig) Kind() Kind {
	return Kind{helmGroup, "v1", "HelmChartConfig", "helmchartconfigs", false}
}
