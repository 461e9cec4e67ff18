package node

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/k3sedge/k3sedge/provision/machine/look"
)

func TestTheWireIsToldByName(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	w, r := newLookedAt(t)
	address := server.Listener.Addr().String()
	r.Wire = map[string]look.Dial{
		"answers": {Address: address, HTTP: true, Millis: 20_000},
		"opens":   {Address: address, Millis: 20_000},
	}
	f := Collect(t.Context(), w.host(), r)
	if len(f.Wire) != 2 || f.Wire["answers"].Status != http.StatusNotFound || f.Wire["opens"].Outcome != look.Answered || f.Wire["opens"].Status != 0 {
		t.Errorf("got %+v", f.Wire)
	}
	r.Wire = nil
	if f := Collect(t.Context(), w.host(), r); f.Wire == nil {
		t.Error("that nothing was asked for reads as not looked at")
	}
	r.Wire = map[string]look.Dial{"nowhere": {Address: "10.0.0.1", Millis: 1}}
	if f := Collect(t.Context(), w.host(), r); f.Wire != nil || !hasProblem(f, "wire") {
		t.Errorf("a dial that cannot be made: %+v, %v", f.Wire, f.Problems)
	}
}
