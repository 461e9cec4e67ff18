// Package helm stands in for K3s' Helm controller.
//
// Real: the Helm SDK with its checks of schemas, its releases in secrets and
// its upgrades; the custom resources HelmChart and HelmChartConfig with their
// fields, defaults, conditions and events.
//
// Stand-in: the work is done in this process where K3s starts a Job, so there
// is a job's name in the status but no Job and no log of it; what it would have
// said is in the events and in the log of k3s. A failed try is repeated after
// one second, then two, up to five, where a Job waits up to six minutes. The
// condition Failed is true from the first failure on, where the real controller
// waits for the Job's last try (backOffLimit 1000), and it names the error.
// Charts are taken from static/charts, from chartContent or from a folder;
// repositories are refused, as are the fields that ask for a registry, a
// secret or an image.
//
// It imports nothing of ours.
package helm
