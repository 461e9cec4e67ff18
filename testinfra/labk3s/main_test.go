package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	if code := run([]string{"--version"}, &out, &log); code != 0 {
		t.Fatalf("exit code %d: %s", code, &log)
	}
	if !strings.HasPrefix(out.String(), "k3s version "+release+" (") || !strings.Contains(out.String(), "not K3s") {
		t.Errorf("got %q", &out)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		file string
		rest []string
	}{
		{nil, configFile, nil},
		{[]string{"--config=a", "--token", "b"}, "a", []string{"--token", "b"}},
		{[]string{"--token=b", "-c", "a"}, "a", []string{"--token=b"}},
		{[]string{"--config"}, configFile, []string{"--config"}},
	} {
		file, rest := settings(tt.args)
		if file != tt.file || !slices.Equal(rest, tt.rest) {
			t.Errorf("%q: %s, %q", tt.args, file, rest)
		}
	}
}

func TestHiddenCommands(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if c := hidden(name); c == nil || c.Name() != name {
			t.Errorf("%s: %v", name, c)
		}
	}
	if hidden("kubectl") != nil {
		t.Error("kubectl is none of them")
	}
}
