package helm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
)

type controller struct {
	admin           *rest.Config
	charts          dynamic.NamespaceableResourceInterface
	chartOf, config cache.GenericLister
	chartsDir       string
	events          record.EventRecorder
	queue           workqueue.TypedRateLimitingInterface[cache.ObjectName]
}

// Run defines the custom resources and keeps the releases as they say until
// ctx ends.
func Run(ctx context.Context, admin *rest.Config, chartsDir string) error {
	admin = rest.CopyConfig(admin)
	admin.QPS = -1
	if err := define(ctx, admin); err != nil {
		return ended(ctx, err)
	}
	kube, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return fmt.Errorf("reach the API: %w", err)
	}
	client, err := dynamic.NewForConfig(admin)
	if err != nil {
		return fmt.Errorf("reach the API: %w", err)
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: kube.CoreV1().Events("")})
	informers := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	c := &controller{
		admin: admin, chartsDir: chartsDir, charts: client.Resource(chartsResource()),
		chartOf: informers.ForResource(chartsResource()).Lister(),
		config:  informers.ForResource(configsResource()).Lister(),
		events:  broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "helm-controller"}),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](time.Second, 5*time.Second)),
	}
	if err := c.watch(ctx, informers); err != nil {
		return ended(ctx, err)
	}
	context.AfterFunc(ctx, c.queue.ShutDown)
	for c.next(ctx) {
	}
	return nil
}

// ended makes no error of what failed because it was told to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *controller) watch(ctx context.Context, informers dynamicinformer.DynamicSharedInformerFactory) error {
	for _, r := range []schema.GroupVersionResource{chartsResource(), configsResource()} {
		_, err := informers.ForResource(r).Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: c.enqueue,
			UpdateFunc: func(was, now any) {
				if changed(was, now) {
					c.enqueue(now)
				}
			},
			DeleteFunc: c.enqueue,
		})
		if err != nil {
			return fmt.Errorf("watch %s: %w", r.Resource, err)
		}
	}
	informers.Start(ctx.Done())
	for r, ok := range informers.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return fmt.Errorf("watch %s: no first list", r.Resource)
		}
	}
	return nil
}

// changed leaves out what this controller itself writes.
func changed(was, now any) bool {
	before, errBefore := meta.Accessor(was)
	after, errAfter := meta.Accessor(now)
	return errBefore != nil || errAfter != nil || before.GetGeneration() != after.GetGeneration() || after.GetDeletionTimestamp() != nil
}

func (c *controller) enqueue(o any) {
	if key, err := cache.DeletionHandlingObjectToName(o); err == nil {
		c.queue.Add(key)
	}
}

// next takes one chart at a time, as their order matters little and their
// output in the log much.
func (c *controller) next(ctx context.Context) bool {
	key, down := c.queue.Get()
	if down {
		return false
	}
	defer c.queue.Done(key)
	if err := c.reconcile(ctx, key); err != nil && ctx.Err() == nil {
		logrus.Errorf("helm-controller: HelmChart %s: %v", key, err)
		c.queue.AddRateLimited(key)
		return true
	}
	c.queue.Forget(key)
	return true
}

func (c *controller) reconcile(ctx context.Context, key cache.ObjectName) error {
	raw, err := c.chartOf.ByNamespace(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var chart Chart
	if err := decode(raw, &chart); err != nil {
		return err
	}
	cfg, err := configuration(c.admin, chart.releaseNamespace())
	if err != nil {
		return err
	}
	if chart.DeletionTimestamp != nil {
		return c.remove(ctx, chart, func() error { return uninstall(cfg, chart.Name) })
	}
	if err := c.hold(ctx, chart); err != nil {
		return err
	}
	config, err := c.configOf(key)
	if err != nil {
		return err
	}
	var did string
	t, err := plan(chart, config, c.chartsDir)
	if err == nil {
		did, err = t.converge(ctx, cfg)
	}
	return errors.Join(err, c.report(ctx, chart, did, err))
}

func (c *controller) configOf(key cache.ObjectName) (*Config, error) {
	raw, err := c.config.ByNamespace(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config Config
	return &config, decode(raw, &config)
}

func decode(o runtime.Object, into any) error {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("a %T where an object was expected", o)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, into); err != nil {
		return fmt.Errorf("decode %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}
