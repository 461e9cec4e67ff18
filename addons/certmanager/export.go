package certmanager

import (
	"context"

	"github.com/k3sedge/k3sedge/addons/object"
)

// Exported are the objects that Stages would apply: those that install
// cert-manager, and those of its kinds, which come after. The cluster is not
// asked. Without Secrets the token is named and not held.
func Exported(ctx context.Context, c Config) (install, issuers []object.Object, err error) {
	if !Wanted(c.Cluster) {
		return nil, nil, nil
	}
	values, err := valuesFor(c.certificates())
	if err != nil {
		return nil, nil, err
	}
	tgz, err := c.chart(ctx)
	if err != nil {
		return nil, nil, err
	}
	c.unknown = c.Secrets == nil
	issuers, err = c.objects(ctx)
	return append(home(c.certificates()), helmChart(tgz, values)), issuers, err
}
