package addons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// query is a list to read.
type query struct {
	kind     object.Kind
	path     string
	selector string // of labels; empty for all
}

// listAll reads a list page by page. Where the server has forgotten the state
// that the pages are of, it begins anew.
func listAll(ctx context.Context, r cluster.Reader, q query) ([]item, error) {
	const tries = 3
	for range tries {
		items, err := pages(ctx, r, q)
		if status := (*cluster.StatusError)(nil); errors.As(err, &status) && status.Code == http.StatusGone {
			continue
		}
		return items, err
	}
	return nil, errMoving
}

func pages(ctx context.Context, r cluster.Reader, q query) ([]item, error) {
	params := url.Values{"limit": {"500"}}
	if q.selector != "" {
		params.Set("labelSelector", q.selector)
	}
	var out []item
	for {
		data, err := r.Get(ctx, q.path+"?"+params.Encode())
		if err != nil {
			return nil, err
		}
		items, more, err := parseList(q.kind, data)
		if err != nil {
			return nil, err
		}
		out = append(out, items...)
		if more == "" {
			return out, nil
		}
		params.Set("continue", more)
	}
}

// parseList reads one page of a list and the token of the next. The answer to
// something else is an error, never an empty list.
func parseList(k object.Kind, data []byte) ([]item, string, error) {
	var page struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Continue string `json:"continue"`
		} `json:"metadata"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(data, &page); err != nil {
		return nil, "", fmt.Errorf("read a list of %s: %w", k.Plural, err)
	}
	if page.Kind != k.Name+"List" {
		return nil, "", fmt.Errorf("read a list of %s: it is a %q", k.Plural, page.Kind)
	}
	out := make([]item, 0, len(page.Items))
	for _, raw := range page.Items {
		var head struct {
			Metadata liveMeta `json:"metadata"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return nil, "", fmt.Errorf("read one of the %s: %w", k.Plural, err)
		}
		if head.Metadata.Name == "" {
			return nil, "", fmt.Errorf("read one of the %s: it has no name", k.Plural)
		}
		out = append(out, item{k, head.Metadata, raw})
	}
	return out, page.Metadata.Continue, nil
}
