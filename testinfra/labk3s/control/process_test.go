package control_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/control"
)

// The test program itself is the child: it knows the flags of go test.
func TestAPartThatEndsIsAnError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := control.Process{Name: "-test.run=^$", Limit: "100MiB", GOGC: 80, Out: &out}
	if err := p.Run(t.Context()); !errors.Is(err, control.ErrEnded) {
		t.Errorf("got %v, output %s", err, &out)
	}
	p.Args = []string{"-test.nonsense"}
	if err := p.Run(t.Context()); !errors.Is(err, control.ErrEnded) || out.Len() == 0 {
		t.Errorf("got %v, output %s", err, &out)
	}
}

func TestAPartThatIsStoppedIsNone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (control.Process{Name: "-test.run=^$", Out: &bytes.Buffer{}}).Run(ctx); err != nil {
		t.Error(err)
	}
}
