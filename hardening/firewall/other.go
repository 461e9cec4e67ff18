//go:build !linux

package firewall

import (
	"context"
	"errors"
	"fmt"
)

// ReadTable needs a Linux kernel.
func ReadTable(family, name string) (*Table, error) {
	return nil, fmt.Errorf("read table %s %s: %w", family, name, errors.ErrUnsupported)
}

// List needs a Linux kernel.
func List() ([]string, error) {
	return nil, fmt.Errorf("list tables: %w", errors.ErrUnsupported)
}

// Scratch needs a Linux kernel.
func Scratch(_ context.Context, _ string) (*Table, error) {
	return nil, fmt.Errorf("try ruleset in an empty namespace: %w", errors.ErrUnsupported)
}
