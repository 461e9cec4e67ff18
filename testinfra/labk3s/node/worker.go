package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The kubelet's back-off: the first restart is at once.
const (
	firstBackOff = 10 * time.Second
	maxBackOff   = 5 * time.Minute
	goodRun      = 10 * time.Minute // after which the back-off begins anew
	volumesEvery = time.Minute
)

// worker runs one pod.
type worker struct {
	pods       *pods
	mu         sync.Mutex
	pod        *corev1.Pod
	vanished   bool
	wake       chan struct{}
	containers []*container
	volumes    *volumes
	ip         string // of the pod; "" until it has one
}

// container is one container of the pod in its present run.
type container struct {
	containerState
	spec      *corev1.Container
	proc      *process
	waiting   corev1.ContainerStateWaiting // why it does not run
	backOff   time.Duration
	notBefore time.Time
	probes    *probes
}

func (p *pods) worker(pod *corev1.Pod) *worker {
	w := &worker{pods: p, pod: pod, wake: make(chan struct{}, 1), volumes: &volumes{node: p.node, dir: filepath.Join(p.volumes, string(pod.UID), "volumes")}}
	w.ip = p.node.podIP(pod)
	state, err := p.load(pod.UID)
	if err != nil {
		logrus.Errorf("pods: %s/%s: %v", pod.Namespace, pod.Name, err)
	}
	for i := range pod.Spec.Containers {
		spec := &pod.Spec.Containers[i]
		c := &container{spec: spec, waiting: corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
		if known, ok := state[spec.Name]; ok {
			c.containerState = known
			w.readopt(c)
		}
		w.containers = append(w.containers, c)
	}
	return w
}

// readopt finds a container again that an earlier k3s started.
func (w *worker) readopt(c *container) {
	if c.PID == 0 {
		return
	}
	proc, ok := adopt(c.PID, c.Start)
	if !ok {
		proc = &process{pid: c.PID, done: make(chan struct{}), code: lostCode}
		close(proc.done)
	}
	w.attach(c, proc)
}

// attach makes a process that of the container, and watches it.
func (w *worker) attach(c *container, proc *process) {
	c.proc, c.PID, c.Start = proc, proc.pid, proc.start
	c.probes = startProbes(w, c)
	stop := c.probes.stop
	go func() {
		<-proc.done
		stop()
		w.poke()
	}()
}

func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) tell(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if newer(pod, w.pod) {
		w.pod = pod
		w.poke()
	}
}

// newer keeps what a watch tells late from undoing what this node has written.
func newer(pod, than *corev1.Pod) bool {
	a, errA := strconv.ParseUint(pod.ResourceVersion, 10, 64)
	b, errB := strconv.ParseUint(than.ResourceVersion, 10, 64)
	return errA != nil || errB != nil || a >= b
}

func (w *worker) vanish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.vanished = true
	w.poke()
}

func (w *worker) current() *corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

func (w *worker) run(ctx context.Context) {
	defer func() {
		for _, c := range w.containers {
			if c.probes != nil {
				c.probes.stop()
			}
		}
	}()
	for {
		w.mu.Lock()
		pod, vanished := w.pod, w.vanished
		w.mu.Unlock()
		if vanished || pod.DeletionTimestamp != nil {
			w.end(ctx, pod, vanished)
			return
		}
		next := w.sync(ctx, pod)
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-time.After(next):
		}
	}
}

// sync brings the pod one step on, tells the API how it is, and says when it
// must be looked at again if nothing happens.
func (w *worker) sync(ctx context.Context, pod *corev1.Pod) time.Duration {
	next := volumesEvery
	if err := w.prepare(ctx, pod); err != nil {
		next = 2 * time.Second
	} else {
		for _, c := range w.containers {
			if wait := w.advance(ctx, pod, c); wait > 0 {
				next = min(next, wait)
			}
		}
	}
	if err := w.report(ctx, pod); err != nil && ctx.Err() == nil {
		logrus.Warnf("pods: %s/%s: status: %v", pod.Namespace, pod.Name, err)
		next = min(next, time.Second)
	}
	return next
}

// prepare refuses what the runner cannot do, and makes the volumes.
func (w *worker) prepare(ctx context.Context, pod *corev1.Pod) error {
	if err := unsupported(pod); err != nil {
		w.hold("CreateContainerConfigError", err)
		return err
	}
	if err := w.connect(pod); err != nil {
		w.hold("ContainerCreating", err)
		w.pods.events.Event(pod, corev1.EventTypeWarning, "FailedCreatePodSandBox", err.Error())
		return err
	}
	if err := w.volumes.ensure(ctx, pod); err != nil {
		w.hold("ContainerCreating", err)
		w.pods.events.Event(pod, corev1.EventTypeWarning, "FailedMount", err.Error())
		return err
	}
	return nil
}

// hold says of each container that does not run why not.
func (w *worker) hold(reason string, err error) {
	for _, c := range w.containers {
		if c.proc == nil {
			c.waiting = corev1.ContainerStateWaiting{Reason: reason, Message: err.Error()}
		}
	}
}

// unsupported names what the pod wants and the lab does not have.
func unsupported(pod *corev1.Pod) error {
	switch {
	case len(pod.Spec.InitContainers) > 0:
		return errors.New("the lab's K3s runs no init containers")
	case pod.Spec.HostPID || pod.Spec.HostIPC:
		return errors.New("the lab's K3s gives each container its own PID and IPC namespaces")
	}
	for _, c := range pod.Spec.Containers {
		if c.Lifecycle != nil {
			return fmt.Errorf("the lab's K3s knows no lifecycle hooks: container %s", c.Name)
		}
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if p != nil && p.HTTPGet == nil && p.TCPSocket == nil {
				return fmt.Errorf("the lab's K3s knows httpGet and tcpSocket probes only: container %s", c.Name)
			}
		}
	}
	return nil
}

// advance starts a container, or takes note of its end. It says when it must
// be called again.
func (w *worker) advance(ctx context.Context, pod *corev1.Pod, c *container) time.Duration {
	if c.proc != nil && c.proc.running() {
		return 0
	}
	if c.proc != nil {
		w.buried(pod, c)
	}
	if !restarts(pod.Spec.RestartPolicy, c.Last) {
		return 0
	}
	if wait := time.Until(c.notBefore); wait > 0 {
		return wait
	}
	if err := w.start(ctx, pod, c); err != nil {
		if ctx.Err() == nil {
			w.pods.events.Event(pod, corev1.EventTypeWarning, "Failed", err.Error())
		}
		c.notBefore = time.Now().Add(firstBackOff)
		return firstBackOff
	}
	return 0
}

func restarts(policy corev1.RestartPolicy, last *corev1.ContainerStateTerminated) bool {
	return last == nil || policy == corev1.RestartPolicyAlways || policy == "" || policy == corev1.RestartPolicyOnFailure && last.ExitCode != 0
}

// buried takes note of a container's end and decides when it starts again.
func (w *worker) buried(pod *corev1.Pod, c *container) {
	now := time.Now()
	end := &corev1.ContainerStateTerminated{
		ExitCode: int32(c.proc.code), Signal: int32(c.proc.signal), Reason: "Error", Message: lastLine(c.Log),
		StartedAt: metav1.NewTime(c.Started), FinishedAt: metav1.NewTime(now), ContainerID: c.id(),
	}
	if c.proc.code == 0 {
		end.Reason = "Completed"
	}
	lived := now.Sub(c.Started)
	c.Last, c.proc, c.PID = end, nil, 0
	switch {
	case lived > goodRun || c.backOff == 0:
		c.backOff, c.notBefore, c.waiting = firstBackOff, time.Time{}, corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	default:
		c.notBefore = now.Add(c.backOff)
		c.waiting = corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff",
			Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)", c.backOff, c.spec.Name, pod.Name, pod.Namespace, pod.UID)}
		c.backOff = min(2*c.backOff, maxBackOff)
		w.pods.events.Event(pod, corev1.EventTypeWarning, "BackOff", c.waiting.Message)
	}
	w.keep(pod)
	logrus.Infof("pods: %s/%s: container %s ended with code %d: %s", pod.Namespace, pod.Name, c.spec.Name, end.ExitCode, end.Message)
}

func (c *container) id() string { return fmt.Sprintf("lab://%d-%d", c.PID, c.Start) }

// start makes a process of the container.
func (w *worker) start(ctx context.Context, pod *corev1.Pod, c *container) error {
	n := w.pods.node
	img, err := n.pull(c.spec)
	if err != nil {
		c.waiting = corev1.ContainerStateWaiting{Reason: err.reason, Message: err.Error()}
		return err
	}
	fail := func(err error) error {
		c.waiting = corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: err.Error()}
		return err
	}
	variables, fault := n.variables(ctx, pod, c.spec, img)
	if fault != nil {
		return fail(fault)
	}
	dir := filepath.Join(w.pods.state, string(pod.UID), c.spec.Name)
	s, fault := translation{pod, c.spec, img, variables, w.volumes.paths, filepath.Join(dir, "layer"), w.pods.etc(pod.UID)}.sandbox()
	if fault != nil {
		return fail(fault)
	}
	if c.Last != nil {
		c.Restarts++
	}
	c.Log = w.pods.logFile(pod, c.spec.Name, c.Restarts)
	if err := os.MkdirAll(filepath.Dir(c.Log), 0o755); err != nil {
		return fail(err)
	}
	proc, fault := launch(s, filepath.Join(dir, "sandbox.json"), c.Log)
	if fault != nil {
		c.waiting = corev1.ContainerStateWaiting{Reason: "RunContainerError", Message: fault.Error()}
		return fault
	}
	c.Started, c.ImageID = time.Now(), img.ID
	w.attach(c, proc)
	w.keep(pod)
	w.pods.events.Eventf(pod, corev1.EventTypeNormal, "Started", "Started container %s", c.spec.Name)
	return nil
}

// keep writes down what finds the containers again.
func (w *worker) keep(pod *corev1.Pod) {
	state := map[string]containerState{}
	for _, c := range w.containers {
		state[c.spec.Name] = c.containerState
	}
	if err := w.pods.keep(pod.UID, state); err != nil {
		logrus.Errorf("pods: %s/%s: %v", pod.Namespace, pod.Name, err)
	}
}
