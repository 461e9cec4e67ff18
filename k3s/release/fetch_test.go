package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFetchDownloadsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, missing, err := w.Look(t.Context(), "amd64")
	if err != nil || len(missing) != 2 || missing[1].Size != int64(len(w.images)) || before.Binary.Path != w.cached("k3s") {
		t.Fatalf("before: %+v, %+v, %v", before, missing, err)
	}
	if _, err := os.Stat(w.Cache); err == nil {
		t.Error("a look made the cache")
	}
	for range 2 {
		got, err := w.Fetch(t.Context(), "amd64")
		if err != nil {
			t.Fatal(err)
		}
		if got.Images.Size != int64(len(w.images)) || got.Images.SHA256 != sum(w.images) || got.SumsFrom != "k3sedge" || got.Version != version {
			t.Errorf("got %+v", got)
		}
	}
	want := []string{"GET /v1.35.99%2Bk3s1/k3s", "GET /v1.35.99%2Bk3s1/k3s-airgap-images-amd64.tar.zst"}
	if got := w.gets(); !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
	if have, err := os.ReadFile(w.cached("k3s-airgap-images-amd64.tar.zst")); err != nil || !bytes.Equal(have, w.images) {
		t.Errorf("the cache holds %d bytes, %v", len(have), err)
	}
}

func TestFetchGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	const images = "k3s-airgap-images-amd64.tar.zst"
	const path = "/v1.35.99%2Bk3s1/" + images
	half := func(w *world) []byte { return w.images[:1_000_000] }
	for name, tc := range map[string]struct {
		part  func(*world) []byte
		serve func(*world) http.HandlerFunc
		want  []string
	}{
		"the rest":               {half, func(w *world) http.HandlerFunc { return w.serve }, []string{"GET bytes=1000000- " + path}},
		"a server without range": {half, withoutRange, []string{"GET bytes=1000000- " + path}},
		"a whole part":           {func(w *world) []byte { return w.images }, func(w *world) http.HandlerFunc { return w.serve }, []string{"GET bytes=1500000- " + path}},
		"a part of another file": {func(w *world) []byte { return bytes.Repeat([]byte("x"), 1000) }, func(w *world) http.HandlerFunc { return w.serve },
			[]string{"GET bytes=1000- " + path, "GET " + path}},
		"a part that is too long": {func(w *world) []byte { return append(slices.Clone(w.images), "more"...) }, func(w *world) http.HandlerFunc { return w.serve },
			[]string{"GET bytes=1500004- " + path, "GET " + path}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.put(t, w.cached("k3s"), w.binary)
			w.put(t, partOf(w.cached(images)), tc.part(w))
			w.respond(tc.serve(w))
			if _, err := w.Fetch(t.Context(), "amd64"); err != nil {
				t.Fatal(err)
			}
			if got := w.gets(); !slices.Equal(got, tc.want) {
				t.Errorf("asked for %q, want %q", got, tc.want)
			}
		})
	}
}

func withoutRange(w *world) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) { _, _ = rw.Write(w.content(r.URL.Path)) }
}

// breaking sends so many bytes of each answer and cuts the connection.
func (w *world) breaking(bytes int) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		content := w.content(r.URL.Path)
		at := 0
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &at); err == nil {
			rw.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, len(content)-1, len(content)))
		}
		rw.Header().Set("Content-Length", fmt.Sprint(len(content)-at))
		if at > 0 {
			rw.WriteHeader(http.StatusPartialContent)
		}
		_, _ = rw.Write(content[at:min(at+bytes, len(content))])
	}
}

func TestFetchTakesUpABrokenConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.respond(w.breaking(700_000))
	if _, err := w.Fetch(t.Context(), "amd64"); err != nil {
		t.Fatal(err)
	}
	if got := len(w.gets()); got != 4 {
		t.Errorf("%d requests, want one for the program and three for the images: %q", got, w.gets())
	}
}

func TestHalfADownloadIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, w.cached("k3s"), w.binary)
	first := true
	w.respond(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && !first {
			http.Error(rw, "away", http.StatusBadGateway)
			return
		}
		first = first && r.Method != http.MethodGet
		w.breaking(700_000)(rw, r)
	})
	_, err := w.Fetch(t.Context(), "amd64")
	wantError(t, err, "502", "k3s.bundle")
	if got := sizeOf(partOf(w.cached("k3s-airgap-images-amd64.tar.zst"))); got != 700_000 {
		t.Errorf("%d bytes were kept, want 700000", got)
	}
	_, missing, err := w.Look(t.Context(), "amd64")
	if err != nil || len(missing) != 1 || missing[0].Have != 700_000 {
		t.Errorf("a look says %+v, %v", missing, err)
	}
}

func TestCancelKeepsWhatCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, w.cached("k3s"), w.binary)
	why := errors.New("Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	w.Progress = func(_ string, done, _ int64) {
		if done > 0 {
			cancel(why)
		}
	}
	w.respond(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", fmt.Sprint(len(w.images)))
		_, _ = rw.Write(w.images[:1_200_000])
		rw.(http.Flusher).Flush()
		<-r.Context().Done() // the rest never comes
	})
	// A request for the size only has no body to wait for.
	slow := w.answer
	w.respond(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			return
		}
		slow(rw, r)
	})
	if _, err := w.Fetch(ctx, "amd64"); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	if got := sizeOf(partOf(w.cached("k3s-airgap-images-amd64.tar.zst"))); got < stride {
		t.Errorf("%d bytes were kept", got)
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quiet = time.Millisecond
	w.respond(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			<-r.Context().Done()
		}
	})
	_, err := w.Fetch(t.Context(), "amd64")
	wantError(t, err, "nothing came for 1ms")
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*world)
		words  []string
	}{
		"a changed file":              {func(w *world) { w.binary = program(183) }, []string{"download k3s of K3s", "/v1.35.99%2Bk3s1/k3s has the SHA-256 checksum " + sum(program(183)), "wanted " + sum(program(62)), "hint: ", "k3s.bundle"}},
		"a release that is not there": {func(w *world) { w.respond(http.NotFound) }, []string{"404", "k3s.version"}},
		"a server that is away":       {func(w *world) { w.BaseURL = "http://127.0.0.1:1" }, []string{"127.0.0.1:1", "k3s.bundle"}},
		"no room": {func(w *world) {
			w.respond(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Length", fmt.Sprint(int64(1)<<60))
			})
		}, []string{"no room in ", "1152921504606.8 MB more are needed", "are free"}},
		"a cache that cannot be made": {func(w *world) { w.Cache = "/dev/null/cache" }, []string{"/dev/null"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.change(w)
			_, err := w.Fetch(t.Context(), "amd64")
			wantError(t, err, tc.words...)
			if _, err := os.Stat(partOf(w.cached("k3s"))); name == "a changed file" && err == nil {
				t.Error("the wrong file was kept")
			}
		})
	}
}

func TestFetchesAtOnceShareOneDownload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.Fetch(t.Context(), "amd64") })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := w.gets(); len(got) != 2 {
		t.Errorf("asked for %q, want each file once", got)
	}
}

func TestProgressTells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told []string
	w.Progress = func(file string, done, total int64) { told = append(told, fmt.Sprintf("%s %d/%d", file, done, total)) }
	if _, err := w.Fetch(t.Context(), "amd64"); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"k3s 0/64\nk3s 64/64\n", "k3s-airgap-images-amd64.tar.zst 0/1500000\n", "k3s-airgap-images-amd64.tar.zst 1500000/1500000"} {
		if !strings.Contains(all, want) {
			t.Errorf("told\n%s\nwithout %q", all, want)
		}
	}
}
