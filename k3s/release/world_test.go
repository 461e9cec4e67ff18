package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
)

const version = "v1.35.99+k3s1"

// world is a place that publishes a release, and a machine with a cache.
type world struct {
	Source
	dir            string
	binary, images []byte

	mu     sync.Mutex
	asked  []string // method, range and name of each request
	answer http.HandlerFunc
}

// newWorld publishes version for amd64, and knows its checksums.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), binary: program(62), images: bytes.Repeat([]byte("image"), 300_000)}
	w.answer = w.serve
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, strings.TrimSpace(r.Method+" "+r.Header.Get("Range"))+" "+r.URL.EscapedPath())
		answer := w.answer
		w.mu.Unlock()
		answer(rw, r)
	}))
	t.Cleanup(server.Close)
	w.Source = Source{K3s: inventory.K3s{Version: version}, Cache: filepath.Join(w.dir, "cache"), BaseURL: server.URL, Client: server.Client(),
		list: map[string]map[string]sums{version: {"amd64": {sum(w.binary), sum(w.images)}}}}
	return w
}

func (w *world) content(path string) []byte {
	if strings.HasSuffix(path, "/k3s") {
		return w.binary
	}
	return w.images
}

// serve publishes as a web server does.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(w.content(r.URL.Path)))
}

// respond makes all further answers come from f.
func (w *world) respond(f http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// gets are the requests but those for a size only.
func (w *world) gets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, a := range w.asked {
		if strings.HasPrefix(a, "GET") {
			out = append(out, a)
		}
	}
	return out
}

// cached is where a file is after its download.
func (w *world) cached(name string) string { return filepath.Join(w.Cache, version, name) }

func (w *world) put(t *testing.T, path string, content []byte) string {
	t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.dir, path)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:])
}

// program is the shortest file that is one for the machine.
func program(machine uint16) []byte {
	out := make([]byte, 64)
	copy(out, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(out[16:], 2) // executable
	binary.LittleEndian.PutUint16(out[18:], machine)
	binary.LittleEndian.PutUint32(out[20:], 1)
	binary.LittleEndian.PutUint16(out[52:], 64)
	return out
}

// wantError is an error with the words in it or in its hint.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	text := err.Error()
	var hint interface{ Hint() string }
	if errors.As(err, &hint) {
		text += "\nhint: " + hint.Hint()
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s\nlacks %q", text, w)
		}
	}
}
