package traefik

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/k3sedge/k3sedge/provision/cluster"
)

// jobFailure is Helm's error while its job fails and is tried again, or "".
// The HelmChart tells of it only after the job's last try, of which there are
// a thousand (helm-controller pkg/controllers/chart), and what fails before
// Helm has written a release stands in the job's log alone.
func jobFailure(ctx context.Context, r cluster.Reader) (string, error) {
	query := url.Values{"labelSelector": {"helmcharts.helm.cattle.io/chart=" + name}}
	list, err := get[podList](ctx, r, podsPath+"?"+query.Encode())
	if err != nil {
		return "", fmt.Errorf("read the pods of Helm's job: %w", err)
	}
	for _, doc := range list.Items {
		if doc.judge().crashes {
			// A log that cannot be had leaves the failure to the release to tell.
			log, _ := r.Get(ctx, podsPath+"/"+doc.Metadata.Name+"/log?previous=true&tailLines=50")
			return helmError(string(log)), nil
		}
	}
	return "", nil
}

// helmError is the last error in the log of Helm's job, up to the next command
// that its script tells of (klipper-helm entry, which runs with set -x).
func helmError(log string) string {
	const begins = "Error: "
	at := strings.LastIndex("\n"+log, "\n"+begins)
	if at < 0 {
		return ""
	}
	words, _, _ := strings.Cut(log[at+len(begins):], "\n+ ")
	return strings.Join(strings.Fields(words), " ")
}
