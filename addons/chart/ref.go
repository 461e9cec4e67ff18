package chart

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// Home is the namespace in which K3s keeps its HelmCharts and their jobs.
const Home = "kube-system"

// Ref is one chart on a cluster: its HelmChart and its release have that name.
type Ref struct {
	Name      string
	Namespace string // in which it is installed, and in which Helm keeps its releases
}

// Path is where the API has the HelmChart.
func (r Ref) Path() string {
	return "/apis/helm.cattle.io/v1/namespaces/" + Home + "/helmcharts/" + r.Name
}

func (r Ref) jobPath() string {
	return "/apis/batch/v1/namespaces/" + Home + "/jobs/helm-install-" + r.Name
}

func (r Ref) secretsPath() string { return "/api/v1/namespaces/" + r.Namespace + "/secrets" }

// Get reads one document of the API.
func Get[T any](ctx context.Context, r cluster.Reader, path string) (T, error) {
	var doc T
	raw, err := r.Get(ctx, path)
	if err != nil {
		return doc, err
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return doc, fmt.Errorf("read %s: %w", path, err)
	}
	return doc, nil
}

// Condition is what a controller says of an object.
type Condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Status is what the Helm controller says of a HelmChart.
type Status struct {
	Conditions []Condition `json:"conditions"`
}

// Failed returns what the HelmChart says of its failure, or "".
func (s Status) Failed() string {
	for _, c := range s.Conditions {
		if c.Type == "Failed" && c.Status == "True" {
			return strings.TrimPrefix(c.Reason+": "+c.Message, ": ")
		}
	}
	return ""
}

// JobFailure is Helm's error while its job fails and is tried again, or "".
// The HelmChart tells of it only after the job's last try, of which there are
// a thousand (helm-controller pkg/controllers/chart), and what fails before
// Helm has written a release stands in the job's log alone.
func (r Ref) JobFailure(ctx context.Context, api cluster.Reader) (string, error) {
	pods, err := podDocs(ctx, api, Home, "helmcharts.helm.cattle.io/chart="+r.Name)
	if err != nil {
		return "", fmt.Errorf("read the pods of Helm's job: %w", err)
	}
	for _, doc := range pods {
		if doc.judge().Crashes {
			// A log that cannot be had leaves the failure to the release to tell.
			log, _ := api.Get(ctx, podsPath(Home)+"/"+doc.Metadata.Name+"/log?previous=true&tailLines=50")
			return helmError(string(log)), nil
		}
	}
	return "", nil
}

// helmError is the last error in the log of Helm's job, up to the next command
// that its script tells of (klipper-helm entry, which runs with set -x).
func helmError(log string) string {
	const begins = "Error: "
	at := strings.LastIndex("\n"+log, "\n"+begins)
	if at < 0 {
		return ""
	}
	words, _, _ := strings.Cut(log[at+len(begins):], "\n+ ")
	return strings.Join(strings.Fields(words), " ")
}

func podsPath(namespace string) string { return "/api/v1/namespaces/" + namespace + "/pods" }

func selected(path, selector string) string {
	return path + "?" + url.Values{"labelSelector": {selector}}.Encode()
}
