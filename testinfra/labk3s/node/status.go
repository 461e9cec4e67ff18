package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// report tells the API what has changed since it last spoke of the pod. It is a
// difference, as the kubelet's is: what others wrote stays.
func (w *worker) report(ctx context.Context, pod *corev1.Pod) error {
	was, err := json.Marshal(corev1.Pod{Status: pod.Status})
	if err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	now, err := json.Marshal(corev1.Pod{Status: w.status(pod)})
	if err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(was, now, corev1.Pod{})
	if err != nil {
		return fmt.Errorf("compare the status: %w", err)
	}
	if string(patch) == "{}" {
		return nil
	}
	// The UID keeps the patch from a pod that has taken this one's name.
	patch = append([]byte(`{"metadata":{"uid":"`+pod.UID+`"},`), patch[1:]...)
	told, err := w.pods.node.kube.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if newer(told, w.pod) {
		w.pod = told
	}
	return nil
}

func (w *worker) status(pod *corev1.Pod) corev1.PodStatus {
	n := w.pods.node
	now := metav1.Now()
	s := *pod.Status.DeepCopy()
	s.HostIP, s.HostIPs, s.ContainerStatuses = n.IP, []corev1.HostIP{{IP: n.IP}}, nil
	if s.StartTime == nil {
		s.StartTime = &now
	}
	if w.ip != "" {
		s.PodIP, s.PodIPs = w.ip, []corev1.PodIP{{IP: w.ip}}
	}
	ready := true
	for _, c := range w.containers {
		one := c.status()
		ready = ready && one.Ready
		s.ContainerStatuses = append(s.ContainerStatuses, one)
	}
	s.Phase = phase(pod, s.ContainerStatuses)
	set := func(t corev1.PodConditionType, ok bool) {
		s.Conditions = setCondition(s.Conditions, t, ok)
	}
	set(corev1.PodReadyToStartContainers, w.volumes.ready)
	set(corev1.PodInitialized, true)
	set(corev1.ContainersReady, ready)
	set(corev1.PodReady, ready)
	return s
}

// setCondition changes a condition only if it is otherwise, so that its time
// is that of the change.
func setCondition(all []corev1.PodCondition, t corev1.PodConditionType, ok bool) []corev1.PodCondition {
	c := corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}
	if !ok {
		c.Status, c.Reason = corev1.ConditionFalse, "ContainersNotReady"
	}
	at := slices.IndexFunc(all, func(was corev1.PodCondition) bool { return was.Type == t })
	switch {
	case at < 0:
		return append(all, c)
	case all[at].Status != c.Status:
		all[at] = c
	}
	return all
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
