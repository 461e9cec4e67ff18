package object

import "testing"

func TestMissing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ want, have, field string }{
		"same":              {`{"a":1,"b":["x"]}`, `{"a":1,"b":["x"]}`, ""},
		"more there":        {`{"a":{"b":true}}`, `{"a":{"b":true,"c":1},"d":2}`, ""},
		"more in an item":   {`{"a":[{"b":1}]}`, `{"a":[{"b":1,"c":2}]}`, ""},
		"other value":       {`{"a":{"b":1}}`, `{"a":{"b":2}}`, "a.b"},
		"other type":        {`{"a":1}`, `{"a":"1"}`, "a"},
		"not there":         {`{"a":{"b":1}}`, `{}`, "a"},
		"null":              {`{"a":{"b":1}}`, `{"a":null}`, "a"},
		"false is not none": {`{"a":false}`, `{}`, "a"},
		"item more":         {`{"a":[1]}`, `{"a":[1,2]}`, "a"},
		"item less":         {`{"a":[1,2]}`, `{"a":[1]}`, "a"},
		"other order":       {`{"a":[1,2]}`, `{"a":[2,1]}`, "a[0]"},
		"list for one":      {`{"a":[1]}`, `{"a":1}`, "a"},
		"one for object":    {`{"a":{"b":1}}`, `{"a":[]}`, "a"},
		"first by name":     {`{"z":1,"b":{"c":1}}`, `{"z":2,"b":{"c":2}}`, "b.c"},
	} {
		var want, have any
		if err := Decode([]byte(tc.want), &want); err != nil {
			t.Fatal(err)
		}
		if err := Decode([]byte(tc.have), &have); err != nil {
			t.Fatal(err)
		}
		if got := missing(want, have, ""); got != tc.field {
			t.Errorf("%s: %q, want %q", name, got, tc.field)
		}
	}
}
