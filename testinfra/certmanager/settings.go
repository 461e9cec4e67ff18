package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-base/featuregate"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util/configfile"
	"github.com/cert-manager/cert-manager/pkg/util/feature"
)

// component is how one component reads its settings: C is cert-manager's type
// of them.
type component[C any] struct {
	name     string
	defaults func() (*C, error)
	bind     func(*pflag.FlagSet, *C)
	file     func() (configfile.ConfigFile, func() *C) // an empty file, and what it holds once it is read
	gates    func(*C) map[string]bool
	logging  func(*C) *logsapi.LoggingConfiguration
	validate func(*C, *field.Path) field.ErrorList
}

// load reads the file that the flags name, then the flags, which win.
func (c component[C]) load(args []string) (*C, error) {
	settings, err := c.defaults()
	if err != nil {
		return nil, fmt.Errorf("set the defaults: %w", err)
	}
	path, err := c.parse(args, settings)
	if err != nil {
		return nil, err
	}
	if path != "" {
		if settings, err = c.read(path); err != nil {
			return nil, err
		}
		if _, err = c.parse(args, settings); err != nil {
			return nil, err
		}
	}
	if err := c.validate(settings, nil).ToAggregate(); err != nil {
		return nil, fmt.Errorf("validate the settings: %w", err)
	}
	if err := logs.ValidateAndApply(c.logging(settings)); err != nil {
		return nil, fmt.Errorf("set up the log: %w", err)
	}
	return settings, nil
}

func (c component[C]) parse(args []string, into *C) (file string, err error) {
	flags := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
	flags.StringVar(&file, "config", "", "file with the settings")
	c.bind(flags, into)
	if err := flags.Parse(args); err != nil {
		return "", fmt.Errorf("read the flags: %w", err)
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("read the flags: %q is none", flags.Args())
	}
	return file, gates(c.gates(into))
}

func gates(want map[string]bool) error {
	var all featuregate.MutableFeatureGate = feature.DefaultMutableFeatureGate
	if err := all.SetFromMap(want); err != nil {
		return fmt.Errorf("set the feature gates: %w", err)
	}
	return nil
}

func (c component[C]) read(path string) (*C, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	loader, err := configfile.NewConfigurationFSLoader(nil, absolute)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	file, content := c.file()
	if err := loader.Load(file); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return content(), nil
}
