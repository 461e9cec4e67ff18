package chart

import (
	"encoding/json"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// PlainMap reads YAML as JSON would have it, so that numbers compare.
func PlainMap(text []byte) (map[string]any, error) {
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

// Leaves flattens values: "ports.web.port" to "80".
func Leaves(content string) (map[string]string, error) {
	values, err := PlainMap([]byte(content))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	flatten(out, "", values)
	return out, nil
}

func flatten(out map[string]string, prefix string, values map[string]any) {
	for key, value := range values {
		if below, ok := value.(map[string]any); ok {
			flatten(out, prefix+key+".", below)
			continue
		}
		out[prefix+key] = fmt.Sprint(value)
	}
}
