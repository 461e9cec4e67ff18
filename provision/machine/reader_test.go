package machine

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReaderUntilEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	r := ReaderUntil(ctx, strings.NewReader("abc"))
	one := make([]byte, 1)
	if n, err := r.Read(one); n != 1 || err != nil || one[0] != 'a' {
		t.Fatalf("read %d bytes, %q: %v", n, one, err)
	}
	stopped := errors.New("stopped")
	cancel(stopped)
	if rest, err := io.ReadAll(r); len(rest) != 0 || !errors.Is(err, stopped) {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}
