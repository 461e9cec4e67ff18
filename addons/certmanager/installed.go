package certmanager

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/k3sedge/k3sedge/addons/chart"
	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
)

// installed is the step that gives K3s the chart and our values.
type installed struct{ config Config }

// ID names the step in events.
func (installed) ID() string { return "certmanager/installed" }

// Check returns a change for each object that differs.
func (s installed) Check(ctx context.Context, r cluster.Reader) ([]converge.Change, error) {
	wants, err := s.wants(ctx, r)
	if err != nil {
		return nil, err
	}
	var out []converge.Change
	for _, w := range wants {
		c, err := compare(ctx, r, w)
		if err != nil {
			return nil, err
		}
		out = append(out, c...)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, s.config.strangers(ctx, r)
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
	return applyAll(ctx, api, wants)
}

func (s installed) wants(ctx context.Context, r cluster.Reader) ([]object.Object, error) {
	values, err := valuesFor(s.config.certificates())
	if err != nil {
		return nil, err
	}
	live, err := look(ctx, r, ref().Path())
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

// look reads an object; nil is one that is not there.
func look(ctx context.Context, r cluster.Reader, path string) ([]byte, error) {
	live, err := r.Get(ctx, path)
	if cluster.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at cert-manager: %w", err)
	}
	return live, nil
}

// compare says how an object differs from what is there.
func compare(ctx context.Context, r cluster.Reader, o object.Object) ([]converge.Change, error) {
	live, err := look(ctx, r, object.Path(o))
	if err != nil {
		return nil, err
	}
	is := converge.Change{ID: o.Kind().Name + "/" + object.MetaOf(o).Name, Have: "absent", Want: wanted(o)}
	if live == nil {
		return []converge.Change{is}, nil
	}
	sent, err := object.ToCluster(o)
	if err != nil {
		return nil, err
	}
	sum, err := object.Checksum(o)
	if err != nil {
		return nil, err
	}
	field, err := object.Difference(sent, sum, live)
	if err != nil || field == "" {
		return nil, err
	}
	is.Have = "differs in " + field
	return []converge.Change{is}, nil
}

func wanted(o object.Object) string {
	if _, ok := o.(object.HelmChart); ok {
		return "applied, " + Package().Version
	}
	return "applied"
}

// applyAll writes what differs, in its order.
func applyAll(ctx context.Context, api cluster.API, objects []object.Object) error {
	for _, o := range objects {
		changes, err := compare(ctx, api, o)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			continue
		}
		send, err := object.ToCluster(o)
		if err != nil {
			return err
		}
		if err := api.Apply(ctx, send); err != nil {
			return fmt.Errorf("apply %s: %w", object.Path(o), err)
		}
	}
	return nil
}

// ours reports whether we applied an object.
func ours(live []byte) bool {
	var head struct{ Metadata object.Meta }
	return json.Unmarshal(live, &head) == nil && head.Metadata.Labels[object.ManagedBy] == cluster.FieldManager && head.Metadata.Annotations[object.Applied] != ""
}
