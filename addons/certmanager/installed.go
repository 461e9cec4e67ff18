package certmanager

import (
	"context"
	"encoding/json"

	"github.com/k3sedge/k3sedge/addons/apply"
	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// installed is the step that gives K3s the chart and our values.
type installed struct{ config Config }

// ID names the step in events.
func (installed) ID() string { return "certmanager/installed" }

// Check returns a change for each object that differs. It gets no chart: where
// that of the cluster is not the one to be, no other makes it hold.
func (s installed) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	out, err := apply.Changes(ctx, r, home(s.config.certificates()))
	if err != nil {
		return nil, err
	}
	have, err := s.compare(ctx, r)
	if err != nil {
		return nil, err
	}
	if have != "" {
		out = append(out, converge.Change{ID: "HelmChart/" + name, Have: have, Want: apply.Applied + ", " + Package().Version})
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, s.config.strangers(ctx, r)
}

// compare says how the HelmChart differs, or "".
func (s installed) compare(ctx context.Context, r cluster.Reader) (string, error) {
	values, err := valuesFor(s.config.certificates())
	if err != nil {
		return "", err
	}
	live, err := apply.Look(ctx, r, ref().Path())
	if err != nil {
		return "", err
	}
	tgz := content(live, values)
	switch {
	case live == nil:
		return apply.Absent, nil
	case tgz == nil:
		return "of another chart, or with other values", nil
	}
	return apply.Compare(ctx, r, helmChart(tgz, values))
}

// Apply writes what differs. The chart is tried before it replaces another.
func (s installed) Apply(ctx context.Context, api cluster.API) error {
	wants, err := s.wants(ctx, api)
	if err != nil {
		return err
	}
	for _, w := range wants {
		if h, ok := w.(object.HelmChart); ok {
			if err := try(h.Spec.ChartContent, []byte(h.Spec.ValuesContent), s.config.certificates().Nameservers); err != nil {
				return err
			}
		}
	}
	return apply.All(ctx, api, wants)
}

func (s installed) wants(ctx context.Context, r cluster.Reader) ([]object.Object, error) {
	values, err := valuesFor(s.config.certificates())
	if err != nil {
		return nil, err
	}
	live, err := apply.Look(ctx, r, ref().Path())
	if err != nil {
		return nil, err
	}
	tgz := content(live, values)
	if tgz == nil {
		if tgz, err = s.config.chart(ctx); err != nil {
			return nil, err
		}
	}
	return append(home(s.config.certificates()), helmChart(tgz, values)), nil
}

// content is the chart that the cluster has, if it is the one to be and is as
// we applied it. Otherwise it has to be got, which a second run does without.
func content(live, values []byte) []byte {
	var have object.HelmChart
	var head struct{ Metadata object.Meta }
	if live == nil || json.Unmarshal(live, &have) != nil || json.Unmarshal(live, &head) != nil {
		return nil
	}
	tgz := have.Spec.ChartContent
	sum, err := object.Checksum(helmChart(tgz, values))
	if err != nil || sum != head.Metadata.Annotations[object.Applied] {
		return nil
	}
	if version, err := chart.Load(tgz); err != nil || version != Package().Version {
		return nil
	}
	return tgz
}
