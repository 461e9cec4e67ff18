package node

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test program become a container, as k3s does.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == ContainCommand {
		fmt.Fprintln(os.Stderr, Contain(os.Args[2]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}
