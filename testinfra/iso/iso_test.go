package iso

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestReadsWhatXorrisoMakes(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 60 { // more than one sector of records
		many["a-longer-name-with-"+strings.Repeat("x", i)] = strings.Repeat("content", i)
	}
	for name, files := range map[string]map[string]string{
		"a seed":    {"user-data": strings.Repeat("#cloud-config\n", 500), "meta-data": "a", "network-config": ""},
		"an empty":  {},
		"many":      many,
		"odd names": {"UPPER": "a", "a.b.c": "b", "ä": "c"},
	} {
		got, err := Read(Make(t, "cidata", files))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		have := map[string]string{}
		for name, content := range got.Files {
			have[name] = string(content)
		}
		if got.Label != "cidata" || !maps.Equal(have, files) {
			t.Errorf("%s: label %q, %d files, want %d", name, got.Label, len(have), len(files))
		}
	}
}

func TestNoImageAndHalfAnImage(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"nothing": nil, "blank": make([]byte, 64<<10), "short": make([]byte, 100)} {
		if _, err := Read(data); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole := Make(t, "cidata", map[string]string{"user-data": "a"})
	for _, sectors := range []int{17, 18} {
		if got, err := Read(whole[:sectors*sector]); err == nil || errors.Is(err, ErrNone) {
			t.Errorf("%d sectors were read as %v, %v", sectors, got, err)
		}
	}
}

func TestNamesWithoutRockRidge(t *testing.T) {
	t.Parallel()
	record := func(name string) []byte {
		r := make([]byte, 33, 64)
		r[32] = byte(len(name))
		r = append(r, name...)
		return append(r, make([]byte, len(r)%2)...)
	}
	for name, want := range map[string]string{"USER.DAT;1": "user.dat", "META.;1": "meta", "A": "a"} {
		if got, err := nameOf(record(name)); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Make(f, "cidata", map[string]string{"user-data": "a", "meta-data": "b"}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Read(data)
		total := 0
		for _, content := range got.Files {
			total = max(total, len(content))
		}
		if total > len(data) || err != nil && len(got.Files) > 0 {
			t.Errorf("%d bytes out of %d, %v", total, len(data), err)
		}
	})
}
