package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
)

// places are the folders of the pods: what is known of them, their volumes,
// their logs.
type places struct{ state, volumes, logs string }

// pods runs the pods that are bound to the node.
type pods struct {
	node *node
	places
	events  record.EventRecorder
	mu      sync.Mutex
	workers map[types.UID]*worker
	running sync.WaitGroup
}

func newPods(n *node, at places) *pods {
	return &pods{node: n, places: at, workers: map[types.UID]*worker{}, events: &record.FakeRecorder{}}
}

// runPods starts and ends pods as the API says, until ctx ends. It does not
// end them then.
func (n *node) runPods(ctx context.Context) error {
	if err := await(ctx, n.registered); err != nil {
		return err
	}
	n.images.importAll()
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: n.kube.CoreV1().Events("")})
	n.pods.events = broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: n.Name})
	factory := informers.NewSharedInformerFactoryWithOptions(n.kube, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", n.Name).String()
	}))
	informer := factory.Core().V1().Pods().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.pods.tell(ctx, o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { n.pods.tell(ctx, o.(*corev1.Pod)) },
		DeleteFunc: func(o any) { n.pods.gone(o) },
	})
	if err != nil {
		return fmt.Errorf("watch the pods: %w", err)
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return ctx.Err()
	}
	n.pods.sweep(informer.GetStore())
	<-ctx.Done()
	n.pods.running.Wait()
	return ctx.Err()
}

// tell hands the newest form of a pod to its worker, which is made for it.
func (p *pods) tell(ctx context.Context, pod *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.workers[pod.UID]
	if !ok {
		w = p.worker(pod)
		p.workers[pod.UID] = w
		p.running.Add(1)
		go func() {
			defer p.running.Done()
			w.run(ctx)
		}()
	}
	w.tell(pod)
}

// gone ends a pod whose object has vanished without its being ended first.
func (p *pods) gone(o any) {
	if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.workers[pod.UID]; ok {
		w.vanish()
		delete(p.workers, pod.UID)
	}
}

// sweep ends what an earlier k3s started for pods that are no more.
func (p *pods) sweep(store cache.Store) {
	left, err := os.ReadDir(p.state)
	if err != nil {
		return
	}
	for _, e := range left {
		uid := types.UID(strings.TrimSuffix(e.Name(), ".json"))
		known := slices.ContainsFunc(store.List(), func(o any) bool { return o.(*corev1.Pod).UID == uid })
		if known || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		state, err := p.load(uid)
		if err != nil {
			logrus.Errorf("pods: %v", err)
		}
		for _, c := range state {
			if proc, ok := adopt(c.PID, c.Start); ok {
				go proc.stop(30 * time.Second)
			}
		}
		p.forget(uid)
	}
}

func (p *pods) list() []*corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*corev1.Pod
	for _, w := range p.workers {
		out = append(out, w.current())
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	return out
}

// logOf finds the file with the output of a container, or of the one before it.
func (p *pods) logOf(namespace, name, container string, previous bool) (string, bool) {
	for _, pod := range p.list() {
		if pod.Namespace != namespace || pod.Name != name {
			continue
		}
		for _, s := range pod.Status.ContainerStatuses {
			run := int(s.RestartCount)
			if previous {
				run--
			}
			if s.Name == container && run >= 0 {
				return p.logFile(pod, container, run), true
			}
		}
	}
	return "", false
}

func (p *pods) logFile(pod *corev1.Pod, container string, run int) string {
	return filepath.Join(p.logs, pod.Namespace+"_"+pod.Name+"_"+string(pod.UID), container, fmt.Sprintf("%d.log", run))
}

// containerState is what is kept of a container, so that it can be found again.
type containerState struct {
	PID      int
	Start    uint64
	Started  time.Time
	Restarts int
	ImageID  string
	Log      string
	Last     *corev1.ContainerStateTerminated
}

func (p *pods) load(uid types.UID) (map[string]containerState, error) {
	state := map[string]containerState{}
	err := readJSON(filepath.Join(p.state, string(uid)+".json"), &state)
	if errors.Is(err, os.ErrNotExist) {
		return state, nil
	}
	return state, err
}

func (p *pods) keep(uid types.UID, state map[string]containerState) error {
	content, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("keep a pod's state: %w", err)
	}
	if err := os.MkdirAll(p.state, 0o700); err != nil {
		return fmt.Errorf("keep a pod's state: %w", err)
	}
	file := filepath.Join(p.state, string(uid)+".json")
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return fmt.Errorf("keep a pod's state: %w", err)
	}
	return os.Rename(file+".new", file)
}

// forget takes away all that a pod leaves on the node but its logs.
func (p *pods) forget(uid types.UID) {
	if err := p.node.network.detach(uid); err != nil {
		logrus.Errorf("pods: %v", err)
	}
	for _, path := range []string{
		filepath.Join(p.volumes, string(uid)), filepath.Join(p.state, string(uid)+".json"), filepath.Join(p.state, string(uid)),
	} {
		if err := os.RemoveAll(path); err != nil {
			logrus.Errorf("pods: %v", err)
		}
	}
}
