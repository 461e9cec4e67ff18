package cli

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// aServer answers everything with err, or with what only it has.
type aServer struct {
	err   error
	conn  net.Conn
	asked int
}

func (s *aServer) Dial(context.Context, string) (net.Conn, error) {
	s.asked++
	return s.conn, s.err
}

func (s *aServer) Look(_ context.Context, r look.Request) (look.Answer, error) {
	s.asked++
	return look.Answer{Files: map[string]look.File{r.Files[0].Path: {Content: []byte("kubeconfig")}}}, s.err
}

func TestTheFirstServerThatAnswersServes(t *testing.T) {
	t.Parallel()
	down := errors.New("no route")
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	first, last := &aServer{err: down}, &aServer{err: errors.New("must not be asked")}
	all := &servers{all: []server{first, &aServer{conn: near}, last}}
	if conn, err := all.Dial(t.Context(), "127.0.0.1:6443"); err != nil || conn != near {
		t.Errorf("dial: %v, %v", conn, err)
	}
	if data, err := all.Kubeconfig(t.Context()); err != nil || string(data) != "kubeconfig" {
		t.Errorf("kubeconfig: %q, %v", data, err)
	}
	if first.asked != 1 || last.asked != 0 {
		t.Errorf("asked %d and %d times: who is down is asked once, and nobody after an answer", first.asked, last.asked)
	}
	if _, err := (&servers{all: []server{first}}).Dial(t.Context(), "127.0.0.1:6443"); !errors.Is(err, down) {
		t.Errorf("no server: %v", err)
	}
}

func TestAfterWhoServedComeTheOthers(t *testing.T) {
	t.Parallel()
	first, second := &aServer{err: errors.New("off")}, &aServer{}
	all := &servers{all: []server{first, second}}
	if _, err := all.Kubeconfig(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.err, second.err = nil, errors.New("off now")
	if _, err := all.Kubeconfig(t.Context()); err != nil || first.asked != 2 || second.asked != 2 {
		t.Errorf("%v, asked %d and %d times", err, first.asked, second.asked)
	}
}

func TestNobodyIsAskedAfterAnInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := &aServer{}
	if _, err := (&servers{all: []server{&aServer{err: context.Canceled}, second}}).Dial(ctx, "127.0.0.1:6443"); !errors.Is(err, context.Canceled) || second.asked > 0 {
		t.Errorf("%v, asked %d", err, second.asked)
	}
}
