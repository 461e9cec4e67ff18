package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOffers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "k3sedge.yaml")
	if err := os.MkdirAll(filepath.Join(filepath.Dir(file), "services", "odd"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"git.yaml", "wiki.yaml", "wiki.yaml~", "README"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), "services", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := newApp(testStreams(io.Discard, io.Discard))
	for _, tc := range []struct{ words, want string }{
		{"harden --fail-on |", "low medium high critical"},
		{"harden -o |", "text json"},
		{"add-service x --output |", "text json yaml"},
		{"add-service x --hsts-preload |", ""}, // no value follows
		{"up --wait |", ""},
		{"up --file |", ""},
		{"completion |", "bash zsh fish"},
		{"services -|", "--help --file --output"},
		{"services --output json -|", "--help --file --output"},
		{"remove-service --file FILE |", "git wiki"},
		{"remove-service -o json -f FILE w|", "git wiki"},
		{"remove-service --file elsewhere/k3sedge.yaml |", ""},
		{"dwon |", ""},
	} {
		// The | stands for the cursor.
		words := strings.Split(strings.TrimSuffix(strings.ReplaceAll(tc.words, "FILE", file), "|"), " ")
		if got := strings.Join(offers(app, words), " "); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.words, got, tc.want)
		}
	}
	for _, words := range [][]string{nil, {""}, {"ha"}} {
		if got := offers(app, words); len(got) != len(app.Commands) {
			t.Errorf("%q: got %q", words, got)
		}
	}
}
