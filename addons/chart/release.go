package chart

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// Release is what Helm remembers of one installation or upgrade of a chart.
type Release struct {
	Version     int    // Helm's revision, from 1
	Status      string // deployed, failed, pending-upgrade …
	Description string // Helm's own words, such as why it failed
	Chart       string // the chart's version; only of the newest
	secret      string
	config      map[string]any // the values it was given
}

// String tells the release in one line.
func (r Release) String() string {
	switch {
	case r.Version == 0:
		return "no release"
	case r.Description == "" || r.Status == "deployed":
		return fmt.Sprintf("release %d %s", r.Version, r.Status)
	}
	return fmt.Sprintf("release %d %s: %s", r.Version, r.Status, r.Description)
}

type secretList struct {
	Items []struct {
		Metadata struct {
			Name   string            `json:"name"`
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Type string            `json:"type"`
		Data map[string][]byte `json:"data"`
	} `json:"items"`
}

// Releases returns the releases that are not superseded, the oldest first.
// Only the newest is read whole.
func (r Ref) Releases(ctx context.Context, api cluster.Reader) ([]Release, error) {
	list, err := Get[secretList](ctx, api, selected(r.secretsPath(), "owner=helm,name="+r.Name+",status!=superseded"))
	if err != nil {
		return nil, fmt.Errorf("read the Helm releases of %s: %w", r.Name, err)
	}
	var out []Release
	bodies := map[string][]byte{}
	for _, s := range list.Items {
		version, err := strconv.Atoi(s.Metadata.Labels["version"])
		if s.Type != "helm.sh/release.v1" || err != nil {
			continue // not one of Helm's
		}
		out = append(out, Release{Version: version, Status: s.Metadata.Labels["status"], secret: s.Metadata.Name})
		bodies[s.Metadata.Name] = s.Data["release"]
	}
	slices.SortFunc(out, func(a, b Release) int { return cmp.Compare(a.Version, b.Version) })
	if len(out) > 0 {
		newest := &out[len(out)-1]
		if err := newest.read(bodies[newest.secret]); err != nil {
			return nil, fmt.Errorf("read the Secret %s: %w", newest.secret, err)
		}
	}
	return out, nil
}

// read takes description and values from a release as Helm stores it: JSON,
// compressed, as base64 inside the Secret's own.
func (r *Release) read(stored []byte) error {
	packed, err := base64.StdEncoding.AppendDecode(nil, stored)
	if err != nil {
		return err
	}
	unzip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	var doc struct {
		Info   struct{ Description string } `json:"info"`
		Config map[string]any               `json:"config"`
		Chart  struct {
			Metadata struct{ Version string } `json:"metadata"`
		} `json:"chart"`
	}
	const largest = 64 << 20
	if err := json.NewDecoder(io.LimitReader(unzip, largest)).Decode(&doc); err != nil {
		return err
	}
	r.Description, r.config, r.Chart = doc.Info.Description, doc.Config, doc.Chart.Metadata.Version
	return nil
}

// Carries reports whether the release was given our values, whatever else it
// was given.
func (r Release) Carries(values []byte) (bool, error) {
	ours, err := PlainMap(values)
	if err != nil {
		return false, err
	}
	return contains(r.config, ours), nil
}

// Clear forgets the failed releases at the end of open, which are in the order
// of Releases. With failurePolicy abort they stay, and no upgrade is tried on
// top of them. What is deployed, if anything is, stays.
func (r Ref) Clear(ctx context.Context, api cluster.API, open []Release) error {
	for i := len(open) - 1; i >= 0 && open[i].Status == "failed"; i-- {
		if err := api.Delete(ctx, r.secretsPath()+"/"+open[i].secret); err != nil {
			return fmt.Errorf("clear away the failed release %d: %w", open[i].Version, err)
		}
	}
	// The controller makes the job anew; left alone, it would wait longer
	// after each failure.
	if err := api.Delete(ctx, r.jobPath()); err != nil {
		return fmt.Errorf("start Helm's job anew: %w", err)
	}
	return nil
}
