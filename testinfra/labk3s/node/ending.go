package node

import (
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// end stops a pod's containers, tells the API, and lets the object go.
func (w *worker) end(ctx context.Context, pod *corev1.Pod, vanished bool) {
	grace := 30 * time.Second
	if pod.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*pod.DeletionGracePeriodSeconds) * time.Second
	}
	if !w.stopAll(ctx, grace) {
		return // k3s ends: whoever comes after it goes on with this
	}
	for _, c := range w.containers {
		if c.proc != nil {
			w.buried(pod, c)
		}
	}
	if !vanished {
		w.release(ctx, pod)
	}
	w.pods.forget(pod.UID)
}

// stopAll reports whether all have ended.
func (w *worker) stopAll(ctx context.Context, grace time.Duration) bool {
	var all sync.WaitGroup
	for _, c := range w.containers {
		if c.proc == nil {
			continue
		}
		c.probes.stop()
		all.Go(func() { c.proc.stop(grace) })
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-ctx.Done():
		return false
	case <-done:
		return true
	}
}

// release removes the object, which waits for this node's word.
func (w *worker) release(ctx context.Context, pod *corev1.Pod) {
	if err := w.report(ctx, pod); err != nil && !apierrors.IsNotFound(err) {
		logrus.Warnf("pods: %s/%s: last status: %v", pod.Namespace, pod.Name, err)
	}
	now := int64(0)
	for ctx.Err() == nil {
		err := w.pods.node.kube.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
		})
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return
		}
		logrus.Warnf("pods: %s/%s: remove: %v", pod.Namespace, pod.Name, err)
		if sleep(ctx, time.Second) != nil {
			return
		}
	}
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// lastLine is the last that a container said, without its colours.
func lastLine(file string) string {
	const most = 4096
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	content := make([]byte, min(info.Size(), most))
	if _, err := f.ReadAt(content, info.Size()-int64(len(content))); err != nil {
		return ""
	}
	return strings.TrimSpace(colour.ReplaceAllString(lastLines(strings.TrimRight(string(content), "\n"), 1), ""))
}
