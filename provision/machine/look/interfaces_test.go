package look

import (
	"net"
	"testing"
)

func TestInterfaces(t *testing.T) {
	t.Parallel()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	got, err := interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 && got["127.0.0.1"] != i.Name {
			t.Errorf("127.0.0.1 is on %q, wanted %q of %v", got["127.0.0.1"], i.Name, got)
		}
	}
}
