package inventory

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"1MiB": MiB, "512MiB": 512 * MiB, "4GiB": 4 * GiB, "1024GiB": TiB, "2TiB": 2 * TiB, "8388607TiB": 8388607 * TiB,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "4", "GiB", "4GB", "4G", "4 GiB", "4gib", "0GiB", "04GiB", "-4GiB", "+4GiB", "1.5GiB", "4GiB ", "4GiB\n", "8388608TiB", "9999999999999999999MiB", "99999999999999999999MiB",
	} {
		if got, err := ParseSize(text); !errors.Is(err, errSize) {
			t.Errorf("ParseSize(%q) is %d, %v, want errSize", text, got, err)
		}
	}
}

func TestSizeText(t *testing.T) {
	t.Parallel()
	for size, want := range map[Size]string{MiB: "1MiB", 1024 * MiB: "1GiB", 1536 * MiB: "1536MiB", 3 * TiB: "3TiB", 0: "0B", 7: "7B"} {
		if got := size.String(); got != want {
			t.Errorf("%d is %q, want %q", int64(size), got, want)
		}
	}
	for _, size := range []Size{0, -GiB, 7, math.MaxInt64} {
		if text, err := size.MarshalText(); !errors.Is(err, errSize) {
			t.Errorf("MarshalText of %d is %q, %v, want errSize", int64(size), text, err)
		}
	}
}

func TestRange(t *testing.T) {
	t.Parallel()
	var r Range
	if err := r.UnmarshalText([]byte("9100-9119")); err != nil || r != (Range{9100, 9119}) || r.Len() != 20 {
		t.Errorf("range is %v, %v", r, err)
	}
	for n, want := range map[int]bool{9099: false, 9100: true, 9119: true, 9120: false} {
		if r.Contains(n) != want {
			t.Errorf("Contains(%d) is %v", n, !want)
		}
	}
	for _, text := range []string{"", "1", "1-", "-1", "2-1", "1 - 2", "01-2", "1-9999999999", "a-b", "1-2-3"} {
		if err := r.UnmarshalText([]byte(text)); !errors.Is(err, errRange) {
			t.Errorf("UnmarshalText(%q): %v, want errRange", text, err)
		}
	}
	if !(Range{}).IsZero() || r.IsZero() || (Range{}).Len() != 1 || (Range{2, 1}).Len() != 0 {
		t.Error("zero is not zero")
	}
}

// Other readers and writers of YAML and JSON see the same text as we do.
func TestTextInYAMLAndJSON(t *testing.T) {
	t.Parallel()
	type both struct {
		S Size  `yaml:"s" json:"s"`
		R Range `yaml:"r" json:"r"`
	}
	in := both{4 * GiB, Range{1, 2}}
	var out both
	data, err := yaml.Marshal(in)
	if err != nil || string(data) != "s: 4GiB\nr: 1-2\n" {
		t.Errorf("yaml is %q, %v", data, err)
	}
	if err := yaml.Unmarshal(data, &out); err != nil || out != in {
		t.Errorf("yaml comes back as %v, %v", out, err)
	}
	out = both{}
	data, err = json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil || out != in {
		t.Errorf("json comes back as %v, %v", out, err)
	}
}
