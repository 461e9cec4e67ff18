package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// report writes the pod's status if it differs from what the API has.
func (w *worker) report(ctx context.Context, pod *corev1.Pod) error {
	want := w.status(pod)
	if equality.Semantic.DeepEqual(strip(pod.Status), strip(want)) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": want})
	if err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	now, err := w.pods.node.kube.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pod == pod {
		w.pod = now
	}
	return nil
}

// strip leaves what this node decides, with times as the API keeps them.
func strip(s corev1.PodStatus) corev1.PodStatus {
	content, err := json.Marshal(s)
	var out corev1.PodStatus
	if err != nil || json.Unmarshal(content, &out) != nil {
		return s
	}
	out.Conditions = slices.DeleteFunc(out.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled || c.Type == corev1.DisruptionTarget
	})
	slices.SortFunc(out.Conditions, func(a, b corev1.PodCondition) int {
		return slices.Compare([]byte(a.Type), []byte(b.Type))
	})
	out.QOSClass, out.ObservedGeneration = "", 0
	for i := range out.Conditions {
		out.Conditions[i].ObservedGeneration, out.Conditions[i].LastProbeTime = 0, metav1.Time{}
	}
	return out
}

func (w *worker) status(pod *corev1.Pod) corev1.PodStatus {
	n := w.pods.node
	now := metav1.Now()
	s := corev1.PodStatus{
		HostIP: n.IP, HostIPs: []corev1.HostIP{{IP: n.IP}}, StartTime: pod.Status.StartTime,
	}
	if s.StartTime == nil {
		s.StartTime = &now
	}
	if pod.Spec.HostNetwork {
		s.PodIP, s.PodIPs = n.IP, []corev1.PodIP{{IP: n.IP}}
	}
	ready := true
	for _, c := range w.containers {
		one := c.status()
		ready = ready && one.Ready
		s.ContainerStatuses = append(s.ContainerStatuses, one)
	}
	s.Phase = phase(pod, s.ContainerStatuses)
	set := func(t corev1.PodConditionType, ok bool) {
		c := corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: now}
		if !ok {
			c.Status, c.Reason = corev1.ConditionFalse, "ContainersNotReady"
		}
		for _, was := range pod.Status.Conditions {
			if was.Type == t && was.Status == c.Status {
				c.LastTransitionTime = was.LastTransitionTime
			}
		}
		s.Conditions = append(s.Conditions, c)
	}
	set(corev1.PodReadyToStartContainers, w.volumes.ready)
	set(corev1.PodInitialized, true)
	set(corev1.ContainersReady, ready)
	set(corev1.PodReady, ready)
	return s
}

func (c *container) status() corev1.ContainerStatus {
	s := corev1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: c.ImageID, RestartCount: int32(c.Restarts),
	}
	up := c.proc != nil && c.proc.running()
	started := up && c.probes.started()
	s.Started = &started
	s.Ready = started && c.probes.ready()
	switch {
	case up:
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(c.Started)}
		s.ContainerID = c.id()
		s.LastTerminationState.Terminated = c.Last
	case c.Last != nil && c.waiting.Reason != "CrashLoopBackOff":
		s.State.Terminated = c.Last
		s.ContainerID = c.Last.ContainerID
	default:
		waiting := c.waiting
		s.State.Waiting = &waiting
		s.LastTerminationState.Terminated = c.Last
	}
	return s
}

// phase sums up the containers as the kubelet does.
func phase(pod *corev1.Pod, all []corev1.ContainerStatus) corev1.PodPhase {
	waiting, running, failed := 0, 0, 0
	for _, s := range all {
		switch {
		case s.State.Running != nil, s.LastTerminationState.Terminated != nil:
			running++
		case s.State.Waiting != nil:
			waiting++
		case s.State.Terminated.ExitCode != 0:
			failed++
		}
	}
	switch {
	case waiting > 0:
		return corev1.PodPending
	case running > 0 || pod.Spec.RestartPolicy == corev1.RestartPolicyAlways && pod.DeletionTimestamp == nil:
		return corev1.PodRunning
	case failed > 0:
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}
