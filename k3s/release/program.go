package release

import (
	"debug/elf"
	"fmt"
)

// checkProgram makes sure that a file can run on a node at all.
func checkProgram(path, arch string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is not a Linux program: %w", path, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; f.Machine != want {
		return fmt.Errorf("%s is a program for %s, not for %s", path, f.Machine, want)
	}
	return nil
}
