package machine

import (
	"context"
	"io"
)

// ReaderUntil is a reader of r that the end of ctx stops between two reads.
func ReaderUntil(ctx context.Context, r io.Reader) io.Reader { return readerUntil{ctx, r} }

type readerUntil struct {
	ctx context.Context
	io.Reader
}

// Read reads until the context ends.
func (r readerUntil) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}
