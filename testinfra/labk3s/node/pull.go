package node

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// pullError is an image that cannot be had, with the kubelet's reason.
type pullError struct{ reason, message string }

func (e *pullError) Error() string { return e.message }

// pull finds a container's image. There is no registry to ask: a policy that
// demands one fails, as it does in an air gap. As in K3s an archive may have
// come since the start.
func (n *node) pull(c *corev1.Container) (image, *pullError) {
	img, ok := n.images.get(c.Image)
	if !ok {
		n.images.importAll()
		img, ok = n.images.get(c.Image)
	}
	switch {
	case ok && c.ImagePullPolicy != corev1.PullAlways:
		return img, nil
	case c.ImagePullPolicy == corev1.PullNever:
		return img, &pullError{"ErrImageNeverPull", fmt.Sprintf("Container image %q is not present with pull policy of Never", c.Image)}
	}
	return img, &pullError{"ErrImagePull", fmt.Sprintf("failed to pull image %q: the lab has no registry, and agent/images does not hold it", c.Image)}
}
