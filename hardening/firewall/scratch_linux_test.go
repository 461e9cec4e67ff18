package firewall

import (
	"os"
	"path/filepath"
	"testing"
)

// What root runs must not be chosen by the PATH of whoever called.
func TestTheSystemsNFTComesFirst(t *testing.T) {
	const system = "/usr/sbin/nft"
	if _, err := os.Stat(system); err != nil {
		t.Skipf("nft is not installed: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nft"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got, err := nftPath(); got != system || err != nil {
		t.Errorf("found %q, %v", got, err)
	}
}
