package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Load reads the cluster's file at path and services/*.yaml beside it, sets
// defaults, makes paths absolute or relative to where the program runs, and
// validates everything. An error is always Problems, with all there are.
func Load(path string) (Project, error) {
	// Without a home folder, ~/ stays as it is and is reported where it is used.
	home, _ := os.UserHomeDir()
	return load(path, home)
}

func load(path, home string) (Project, error) {
	data, err := readFile(path)
	if err != nil {
		return Project{}, Problems{{File: path, Message: reason(err), Hint: unreadHint(path, err), cause: err}}
	}
	services, unread := readServices(ServicesDir(path))
	project, err := build(source{path, data}, services, home, unread)
	_, missing := os.Stat(ServicesDir(path))
	project.NoServicesFolder = errors.Is(missing, fs.ErrNotExist)
	return project, err
}

func unreadHint(path string, err error) string {
	info, look := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "k3sedge init writes one; one that is elsewhere is named with --file"
	case look == nil && info.IsDir():
		return "name the k3sedge.yaml in it: --file " + filepath.Join(path, "k3sedge.yaml")
	}
	return "see the file's owner and permissions"
}

// source is a file's name as it is shown, and what stands in it.
type source struct {
	path string
	data []byte
}

func readFile(path string) ([]byte, error) {
	data, _, err := readRegular(path, 4*maxFile)
	return data, err
}

// readServices reads the files of folder. That there is no such folder means
// that there are no services; that it cannot be read does not.
func readServices(folder string) ([]source, Problems) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Problems{{File: folder, Message: reason(err), Hint: "the folder holds one file a service", cause: err}}
	}
	var sources []source
	var problems Problems
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		switch filepath.Ext(e.Name()) {
		case ".yml":
			problems = append(problems, Problem{File: path, Message: "would be passed over", Hint: "rename it to end in .yaml"})
		case ".yaml":
			if strings.HasPrefix(e.Name(), ".") {
				continue // an editor's
			}
			data, err := readFile(path)
			if err != nil {
				problems = append(problems, Problem{File: path, Message: reason(err), Hint: "see the file's owner and permissions", cause: err})
				continue
			}
			sources = append(sources, source{path, data})
		}
	}
	return sources, problems
}

// build makes a project of the files' contents. problems are those found on the way here.
func build(cluster source, services []source, home string, problems Problems) (Project, error) {
	var p Project
	here := places{folder: filepath.Dir(cluster.path), home: home}
	f := newFindings(cluster.path)
	if node := parse(cluster.data, f); node != nil {
		decode(node, &p.Cluster, f)
	}
	here.expandAll(&p.Cluster)
	Default(&p.Cluster)

	var all []*findings
	for _, s := range services {
		service, f := decodeService(s, home)
		p.Services = append(p.Services, service)
		all = append(all, f)
	}
	problems = append(problems, validateProject(p, f, all)...)
	if err := problems.asError(); err != nil {
		return Project{}, err
	}
	if err := inlineKeys(&p.Cluster); err != nil {
		return Project{}, err
	}
	p.origin = origin{cluster.path, f.lines}
	return p, nil
}

// decodeService makes a service of a file's content.
func decodeService(s source, home string) (Service, *findings) {
	f, service := newFindings(s.path), Service{}
	if node := parse(s.data, f); node != nil {
		decode(node, &service, f)
	}
	service.eachRef(places{folder: filepath.Dir(s.path), home: home}.expandRef)
	service.complete()
	return service, f
}

// inlineKeys puts the public keys in the place of the files they are in.
func inlineKeys(c *Cluster) error {
	for i, entry := range c.SSH.AuthorizedKeys {
		path, ok := strings.CutPrefix(entry, "file:")
		if !ok {
			continue
		}
		line, err := readPublicKey(path)
		if err != nil {
			// Only where the file changed since it was validated.
			return Problems{{File: path, Message: err.Error(), Hint: "it changed while it was read; start again", cause: err}}
		}
		c.SSH.AuthorizedKeys[i] = line
	}
	return nil
}

// Validate reports what would fail later in a project that was not loaded
// from files. Its problems have no lines.
func Validate(p Project) error {
	all := []*findings{}
	for _, s := range p.Services {
		all = append(all, newFindings(fmt.Sprintf("services/%s.yaml", s.Name)))
	}
	return validateProject(p, newFindings("k3sedge.yaml"), all).asError()
}

// validateProject tells cluster and services, the findings of the files, what
// is wrong, and returns everything that they then know.
func validateProject(p Project, cluster *findings, services []*findings) Problems {
	validateCluster(p.Cluster, cluster)
	cluster.check(p.Cluster.K3s != nil || len(p.Services) == 0, "k3s", "is missing, but there are services", k3sHint)
	validateServices(p, services)
	problems := cluster.problems
	for _, f := range services {
		problems = append(problems, f.problems...)
	}
	return problems
}
