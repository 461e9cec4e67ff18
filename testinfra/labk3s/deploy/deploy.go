package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
)

const interval = time.Second

// remote is the cluster as far as a manifest concerns it.
type remote interface {
	apply(ctx context.Context, o *unstructured.Unstructured) error
	remove(ctx context.Context, o *unstructured.Unstructured) error
}

// applied is what a file said when it was applied with success.
type applied struct {
	content []byte
	objects []*unstructured.Unstructured
}

type deployer struct {
	dir     string
	cluster remote
	done    map[string]applied
	failed  map[string]string // the last complaint, which is not repeated
}

// Run applies the manifests in dir until ctx ends.
func Run(ctx context.Context, admin *rest.Config, manifestsDir string) error {
	node, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find the node's name: %w", err)
	}
	cluster, err := newAPI(admin, "deploy@"+node)
	if err != nil {
		return err
	}
	d := &deployer{dir: manifestsDir, cluster: cluster, done: map[string]applied{}, failed: map[string]string{}}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		d.pass(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pass looks at every file once. A file that fails does not hold up the
// others, and is tried again: what it lacks may be in a later one.
func (d *deployer) pass(ctx context.Context) {
	files, err := manifests(d.dir)
	if err != nil {
		d.complain(d.dir, err)
	}
	for _, file := range files {
		if err := d.file(ctx, file); err != nil && ctx.Err() == nil {
			d.complain(file, err)
			continue
		}
		delete(d.failed, file)
	}
}

func (d *deployer) complain(file string, err error) {
	if d.failed[file] != err.Error() {
		logrus.Errorf("deploy: %s: %v", file, err)
		d.failed[file] = err.Error()
	}
}

func (d *deployer) file(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, known := d.done[file]
	if known && bytes.Equal(before.content, content) {
		return nil
	}
	objects, err := parse(content)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := d.cluster.apply(ctx, o); err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	for _, o := range gone(before.objects, objects) {
		if err := d.cluster.remove(ctx, o); err != nil {
			return fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	d.done[file] = applied{content, objects}
	logrus.Infof("deploy: applied %d objects of %s", len(objects), file)
	return nil
}

// gone lists what was named before and is no longer.
func gone(before, now []*unstructured.Unstructured) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(before), func(o *unstructured.Unstructured) bool {
		return slices.ContainsFunc(now, func(n *unstructured.Unstructured) bool {
			return n.GroupVersionKind().GroupKind() == o.GroupVersionKind().GroupKind() &&
				n.GetNamespace() == o.GetNamespace() && n.GetName() == o.GetName()
		})
	})
}

// manifests lists the files to apply, in alphabetical order. A file that is
// being written under another name is none.
func manifests(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		if _, err := os.Stat(path + ".skip"); err == nil {
			return nil
		}
		out = append(out, path)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("list the manifests: %w", err)
	}
	return out, nil
}

func parse(content []byte) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("parse: %w", err)
		case len(o.Object) == 0: // between two lines of dashes
			continue
		case o.GetKind() == "" || o.GetAPIVersion() == "":
			return nil, errors.New("parse: a document without kind or apiVersion")
		case !o.IsList():
			out = append(out, o)
			continue
		}
		err = o.EachListItem(func(item runtime.Object) error {
			out = append(out, item.(*unstructured.Unstructured))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("parse a list: %w", err)
		}
	}
}
