package addons

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/k3sedge/k3sedge/addons/object"
	"github.com/k3sedge/k3sedge/provision/cluster"
)

// Diff is what a run would change, as a unified diff of YAML: object by
// object, only the fields that are ours, with *** in the place of each secret.
// It is empty where nothing differs. The rules are held first.
func Diff(ctx context.Context, c Config, r cluster.Reader) ([]byte, error) {
	text, err := (&view{cfg: c, api: r}).diff(ctx)
	return text, again(err)
}

func (v *view) diff(ctx context.Context) ([]byte, error) {
	wants, seen, err := v.both(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.judge(ctx, wants, seen); err != nil {
		return nil, err
	}
	todo, err := edits(wants, seen)
	if err != nil {
		return nil, err
	}
	gone, err := v.leftovers(ctx)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, e := range todo {
		if err := e.diff(&out, seen); err != nil {
			return nil, fmt.Errorf("compare %s: %w", e.send.Path, err)
		}
	}
	for _, l := range gone {
		have, err := l.own(nil)
		if err != nil {
			return nil, err
		}
		if err := writeDiff(&out, l.path(), have, nil); err != nil {
			return nil, fmt.Errorf("compare %s: %w", l.path(), err)
		}
	}
	return out.Bytes(), nil
}

func (e edit) diff(out *bytes.Buffer, seen *snapshot) error {
	shown, err := object.Shown(e.object)
	if err != nil {
		return err
	}
	var want, have map[string]any
	if err := object.Decode(shown, &want); err != nil {
		return err
	}
	if live, ok := seen.paths[e.send.Path]; ok && e.have != going {
		if have, err = live.own(want); err != nil {
			return err
		}
		if err := e.tellApart(want, live); err != nil {
			return err
		}
	}
	return writeDiff(out, e.send.Path, have, want)
}

// writeDiff compares two objects; nil is none.
func writeDiff(out *bytes.Buffer, path string, have, want map[string]any) error {
	from, to := path, path
	if have == nil {
		from = "/dev/null"
	}
	if want == nil {
		to = "/dev/null"
	}
	before, err := documentLines(have)
	if err != nil {
		return err
	}
	after, err := documentLines(want)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "--- %s\n+++ %s\n", from, to)
	writeHunks(out, compareLines(before, after))
	return nil
}

// documentLines are those of the object as YAML, without the checksum: it
// differs whenever anything does.
func documentLines(o map[string]any) ([]string, error) {
	if o == nil {
		return nil, nil
	}
	if m, ok := o["metadata"].(map[string]any); ok {
		if a, ok := m["annotations"].(map[string]any); ok {
			if delete(a, object.Applied); len(a) == 0 {
				delete(m, "annotations")
			}
		}
	}
	data, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	text, err := object.FromJSON(data)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}
