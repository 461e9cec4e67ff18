package k3s

import (
	"fmt"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func TestWhatSystemdIsTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		unit look.Unit
		anew bool
		want string
	}{
		"runs with these files":    {look.Unit{Load: "loaded", Active: "active", File: "enabled"}, false, "[]"},
		"runs, crashed long ago":   {look.Unit{Load: "loaded", Active: "active", File: "enabled", Restarts: 2}, false, "[]"},
		"not known to systemd":     {look.Unit{Load: "not-found", Active: "inactive"}, true, "[[daemon-reload] [enable u] [restart --no-block u]]"},
		"other files":              {look.Unit{Load: "loaded", Active: "active", File: "enabled"}, true, "[[daemon-reload] [restart --no-block u]]"},
		"other files, and crashes": {look.Unit{Load: "loaded", Active: "activating", File: "enabled", Restarts: 16}, true, "[[daemon-reload] [reset-failed u] [restart --no-block u]]"},
		"crashes":                  {look.Unit{Load: "loaded", Active: "activating", File: "enabled", Restarts: 3}, false, "[[reset-failed u] [restart --no-block u]]"},
		"stopped":                  {look.Unit{Load: "loaded", Active: "inactive", File: "enabled"}, false, "[[start --no-block u]]"},
		"starts":                   {look.Unit{Load: "loaded", Active: "activating", File: "enabled"}, false, "[]"},
		"not at boot":              {look.Unit{Load: "loaded", Active: "active", File: "disabled"}, false, "[[enable u]]"},
	} {
		if got := fmt.Sprint(orders("u", tt.unit, tt.anew)); got != tt.want {
			t.Errorf("%s: %s, wanted %s", name, got, tt.want)
		}
	}
}
