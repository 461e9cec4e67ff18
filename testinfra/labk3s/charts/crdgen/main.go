package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/charts"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: crdgen DEFINITIONS FOLDER")
	}
	crds, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read the definitions: %w", err)
	}
	name, content, err := charts.Definitions(crds)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(args[1], name), content, 0o644); err != nil {
		return fmt.Errorf("write the chart: %w", err)
	}
	return nil
}
