package traefik

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

const secretsPath = "/api/v1/namespaces/" + namespace + "/secrets"

// Release is what Helm remembers of one installation or upgrade of Traefik.
type Release struct {
	Version     int    // Helm's revision, from 1
	Status      string // deployed, failed, pending-upgrade …
	Description string // Helm's own words, such as why it failed
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

// releases returns the releases that are not superseded, the oldest first.
// Only the newest is read whole.
func releases(ctx context.Context, r cluster.Reader) ([]Release, error) {
	query := url.Values{"labelSelector": {"owner=helm,name=" + name + ",status!=superseded"}}
	list, err := get[secretList](ctx, r, secretsPath+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("read the Helm releases of Traefik: %w", err)
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
	}
	const largest = 64 << 20
	if err := json.NewDecoder(io.LimitReader(unzip, largest)).Decode(&doc); err != nil {
		return err
	}
	r.Description, r.config = doc.Info.Description, doc.Config
	return nil
}

// carries reports whether the release was given our values, whatever else it
// was given.
func (r Release) carries(values []byte) (bool, error) {
	ours, err := plainMap(values)
	if err != nil {
		return false, err
	}
	return contains(r.config, ours), nil
}

// plainMap reads YAML as JSON would have it, so that numbers compare.
func plainMap(text []byte) (map[string]any, error) {
	var out map[string]any
	if err := yaml.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("read values: %w", err)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("read values: %w", err)
	}
	out = nil
	return out, json.Unmarshal(raw, &out)
}

// contains reports whether all of part is in whole. Lists are one value.
func contains(whole, part map[string]any) bool {
	for key, want := range part {
		have, ok := whole[key]
		below, isMap := want.(map[string]any)
		if !isMap {
			if !ok || !reflect.DeepEqual(have, want) {
				return false
			}
			continue
		}
		if under, _ := have.(map[string]any); !contains(under, below) {
			return false
		}
	}
	return true
}
