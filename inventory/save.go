package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

var errServiceName = errors.New("not a name for a service")

// ServicesDir is the folder with the services of the cluster whose file is given.
func ServicesDir(file string) string { return filepath.Join(filepath.Dir(file), "services") }

// WithService returns the project with s added, or put in the place of the
// service of that name, in the form that Load would give it. Nothing is
// written. An error is Problems: all that Load would say of the saved file.
func (p Project) WithService(s Service) (Project, error) {
	s.APIVersion, s.Kind = or(s.APIVersion, APIVersion), or(s.Kind, "Service")
	s.complete()
	p.Services = slices.Clone(p.Services)
	if i := slices.IndexFunc(p.Services, func(other Service) bool { return other.Name == s.Name }); i >= 0 {
		p.Services[i] = s
	} else {
		p.Services = append(p.Services, s)
		// Files are read in this order.
		slices.SortFunc(p.Services, func(a, b Service) int { return strings.Compare(a.Name+".yaml", b.Name+".yaml") })
	}
	return p, Validate(p)
}

// EncodeService writes a commented file for a service.
func EncodeService(s Service) ([]byte, error) {
	s.APIVersion, s.Kind = or(s.APIVersion, APIVersion), or(s.Kind, "Service")
	data, err := commented(s, map[string]string{
		"expose":              "lan keeps it off the internet, public does not",
		"scheme":              "what the servers speak: http or https",
		"tls.insecure":        "any certificate is taken, so any machine on the way may read along",
		"preset":              "where headers and limits start from: web, api, media, upload or strict",
		"rateLimit":           "for each client: average per s, m or h, and burst; off for none",
		"allow":               "\nNobody else may come.",
		"basicAuth.users":     "where the lines of htpasswd are kept",
		"headers.hsts":        "browsers insist on https for so long",
		"headers.csp":         "takes the place of the application's own",
		"middlewares":         "\nOf the cluster; they come after those of k3sedge.",
		"headers.frame":       "who may show it in a frame: deny, sameorigin or off",
		"tls.serverName":      "the name in the servers' certificate",
		"headers.hstsPreload": "also for all names below, and for good: a list is built into browsers",
	}, "A service behind the edge. k3sedge up brings what is changed here to the cluster;\n"+
		"k3sedge remove-service "+s.Name+" takes it away again.")
	if err != nil {
		return nil, fmt.Errorf("write service %s: %w", s.Name, err)
	}
	return data, nil
}

// SaveService writes dir/NAME.yaml whole or not at all and returns its path.
// Paths in s start where the program runs. A file that says the same already
// is left as it is, with what the user wrote beside it; one that says something
// else only gives way with replace, otherwise the error is fs.ErrExist. What
// WithService has not accepted should not be saved.
func SaveService(dir string, s Service, replace bool) (string, error) {
	path, err := servicePath(dir, s.Name)
	if err != nil {
		return "", fmt.Errorf("save service: %w", err)
	}
	if savedAlready(path, s) {
		return path, nil
	}
	s.eachRef(places{folder: dir}.shortenRef)
	data, err := EncodeService(s)
	if err != nil {
		return "", err
	}
	if replace {
		return path, Replace(path, data, 0o644)
	}
	return path, SaveNew(path, data)
}

// RemoveService deletes dir/NAME.yaml. Where there is none, the error is fs.ErrNotExist.
func RemoveService(dir, name string) error {
	path, err := servicePath(dir, name)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = withHint(fs.ErrNotExist, missingHint(dir, name))
	}
	if err != nil {
		return fmt.Errorf("remove service %q: %w", name, err)
	}
	return nil
}

// servicePath refuses a name that would lead out of the folder.
func servicePath(dir, name string) (string, error) {
	if !serviceForm.MatchString(name) {
		return "", withHint(fmt.Errorf("%q: %w", name, errServiceName), serviceHint)
	}
	return filepath.Join(dir, name+".yaml"), nil
}

func missingHint(dir, name string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "k3sedge services lists those there are"
}

// savedAlready reports whether the file at path means s.
func savedAlready(path string, s Service) bool {
	data, err := readFile(path)
	if err != nil {
		return false // whoever writes will see it too
	}
	home, _ := os.UserHomeDir()
	there, f := decodeService(source{path, data}, home)
	s.APIVersion, s.Kind = or(s.APIVersion, APIVersion), or(s.Kind, "Service")
	s.complete()
	return len(f.problems) == 0 && reflect.DeepEqual(s, there)
}
