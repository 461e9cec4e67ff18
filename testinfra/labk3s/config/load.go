package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// ErrUnknownKey is returned for a key that K3s' command of this name does not
// have, or that the stand-in was not taught.
var ErrUnknownKey = errors.New("unknown key")

// Role is the command that reads the settings.
type Role string

// The commands.
const (
	Server Role = "server"
	Agent  Role = "agent"
)

// Load reads file, the *.yaml of file.d and the arguments (--key=value,
// --key value), and gives the settings with their defaults.
func Load(role Role, file string, args []string) (Config, error) {
	c := Defaults()
	l := loader{fields: c.nodeFields(), ignored: Ignored(), role: role, given: &given{values: map[string][]string{}}}
	if role == Server {
		maps.Copy(l.fields, c.serverFields())
	}
	files, err := filepath.Glob(filepath.Join(file+".d", "*.yaml"))
	if err != nil {
		return c, fmt.Errorf("list %s.d: %w", file, err)
	}
	slices.Sort(files)
	for _, f := range append([]string{file}, files...) {
		if err := l.file(f); err != nil {
			return c, err
		}
	}
	if err := l.args(args); err != nil {
		return c, err
	}
	c.Given = l.given.args(role)
	return c, c.secrets()
}

// secrets takes the tokens from their files.
func (c *Config) secrets() error {
	for file, into := range map[string]*string{c.TokenFile: &c.Token, c.AgentTokenFile: &c.AgentToken} {
		if file == "" {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		*into = strings.TrimSpace(string(b))
	}
	return nil
}

type loader struct {
	fields  map[string]any
	ignored map[string]string
	role    Role
	given   *given
}

func (l loader) file(path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	values := map[string]any{}
	if err := yaml.UnmarshalStrict(b, &values); err != nil {
		return fmt.Errorf("parse %s: %w", path, err)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := l.set(key, texts(values[key])); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// args reads the command line, where a list is appended to as K3s does.
func (l loader) args(args []string) error {
	for len(args) > 0 {
		key, found := strings.CutPrefix(args[0], "--")
		if !found {
			return fmt.Errorf("%q is no flag", args[0])
		}
		key, value, hasValue := strings.Cut(key, "=")
		args = args[1:]
		_, isBool := l.fields[key].(*bool)
		switch {
		case hasValue:
		case isBool:
			value = "true"
		case len(args) == 0:
			return fmt.Errorf("--%s needs a value", key)
		default:
			value, args = args[0], args[1:]
		}
		if _, isList := l.fields[key].(*[]string); isList {
			key += "+"
		}
		if err := l.set(key, []string{value}); err != nil {
			return err
		}
	}
	return nil
}

func (l loader) set(key string, values []string) error {
	name, appends := strings.CutSuffix(key, "+")
	l.given.set(name, appends, values)
	if _, ok := l.ignored[name]; ok {
		return nil
	}
	field, ok := l.fields[name]
	if !ok {
		return fmt.Errorf("%w: the lab's k3s %s has no %q", ErrUnknownKey, l.role, name)
	}
	if list, ok := field.(*[]string); ok {
		if !appends {
			*list = nil
		}
		*list = append(*list, split(name, values)...)
		return nil
	}
	if len(values) != 1 {
		return fmt.Errorf("%s: one value is needed, not %d", name, len(values))
	}
	return scalar(name, field, values[0])
}

func scalar(name string, field any, value string) error {
	var err error
	switch f := field.(type) {
	case *string:
		*f = value
	case *bool:
		*f, err = strconv.ParseBool(value)
	case *int:
		*f, err = strconv.Atoi(value)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// split parts the lists that K3s lets one write with commas. Arguments of
// Kubernetes' parts have commas of their own.
func split(name string, values []string) []string {
	if strings.HasSuffix(name, "-arg") {
		return values
	}
	var out []string
	for _, v := range values {
		out = append(out, strings.Split(v, ",")...)
	}
	return out
}

// texts gives a value of YAML as the command line would have it.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{text(v)}
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, text(e))
	}
	return out
}

func text(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
