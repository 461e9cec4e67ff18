package k3s

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// versionForm is v1.35.4+k3s1, with or without a -rc1 before the plus.
var versionForm = regexp.MustCompile(`^v(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:-([a-z]+)(\d{1,4}))?(?:\+([a-z0-9]*?)(\d{1,6}))?$`)

// version is a release of K3s, in the order in which releases come.
type version struct {
	major, minor, patch int
	candidate           int // final releases come after all candidates
	build               int
}

func parseVersion(s string) (version, bool) {
	m := versionForm.FindStringSubmatch(s)
	if m == nil {
		return version{}, false
	}
	number := func(i, otherwise int) int {
		if n, err := strconv.Atoi(m[i]); err == nil {
			return n
		}
		return otherwise
	}
	const final = 1 << 16
	return version{number(1, 0), number(2, 0), number(3, 0), number(5, final), number(7, 0)}, true
}

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(v.patch, w.patch),
		cmp.Compare(v.candidate, w.candidate), cmp.Compare(v.build, w.build))
}

// upgradable says why K3s must not go from one version to the other, and what
// to do instead; "" if it may.
func upgradable(from, to string) (why, hint string) {
	have, ok1 := parseVersion(from)
	want, ok2 := parseVersion(to)
	switch {
	case from == to:
		return "", ""
	case !ok1 || !ok2:
		return "it cannot be told which of the two is newer", "write k3s.version as K3s names its releases, such as v1.35.4+k3s1"
	case want.compare(have) < 0:
		return "K3s cannot go back to an older version: what it keeps has been changed to the newer one's form",
			"set k3s.version to " + from + " or later; the way back is a snapshot of before the upgrade"
	case want.major != have.major || want.minor > have.minor+1:
		return "Kubernetes must not skip a minor version",
			fmt.Sprintf("set k3s.version to a release of v%d.%d first, and run `k3sedge up` for each minor version", have.major, have.minor+1)
	}
	return "", ""
}

// running is the version that the node runs, or ran last; "" if it never did.
func (v *view) running(ctx context.Context, now *seen) (string, error) {
	m, err := now.marker()
	if err != nil {
		return "", err
	}
	u, err := now.unit(unitOf(v.node.Role))
	if err != nil || u.Active != "active" {
		return m.Version, err
	}
	n, err := v.object(ctx)
	switch {
	case cluster.NotFound(err) || cluster.Away(err) && m.Version != "":
		return m.Version, nil
	case err != nil:
		return "", err
	}
	return n.Status.NodeInfo.KubeletVersion, nil
}

func checkVersion(ctx context.Context, v *view, now *seen) ([]converge.Change, error) {
	files, err := v.release(ctx)
	if err != nil {
		return nil, err
	}
	have, err := v.running(ctx, now)
	if err != nil || have == "" {
		return nil, err
	}
	if why, _ := upgradable(have, files.Version); why != "" {
		return change("version: "+why, have, files.Version), nil
	}
	return nil, nil
}

func versionError(node string, is converge.Change) error {
	why, hint := upgradable(is.Have, is.Want)
	return machine.WithHint(fmt.Errorf("%s runs %s and shall run %s: %s", node, is.Have, is.Want, why), "%s", hint)
}
