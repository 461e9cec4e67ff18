package issuer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// Annotation is on each secret that the stand-in has made.
const Annotation = "lab.k3sedge.dev/issued"

const (
	remark   = "by the lab's stand-in for cert-manager"
	bySecret = "secret" // index of Ingresses
	workers  = 4
)

type issuer struct {
	ca        *authority
	kube      kubernetes.Interface
	ingresses cache.Indexer
	secrets   corelisters.SecretLister
	queue     workqueue.TypedRateLimitingInterface[cache.ObjectName]
}

// Run issues certificates until ctx ends.
func Run(ctx context.Context, admin *rest.Config, caDir string) error {
	ca, err := openAuthority(caDir)
	if err != nil {
		return err
	}
	admin = rest.CopyConfig(admin)
	admin.QPS = -1 // five hundred services come at once
	kube, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return fmt.Errorf("reach the API: %w", err)
	}
	logrus.Infof("issuer: a stand-in for cert-manager signs the certificates of Ingresses with the CA in %s", caDir)
	return run(ctx, kube, ca)
}

func run(ctx context.Context, kube kubernetes.Interface, ca *authority) error {
	is := &issuer{ca: ca, kube: kube, queue: workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](20*time.Millisecond, 10*time.Second))}
	all := informers.NewSharedInformerFactory(kube, 0)
	tls := informers.NewSharedInformerFactoryWithOptions(kube, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("type", string(corev1.SecretTypeTLS)).String()
	}))
	ingresses, secrets := all.Networking().V1().Ingresses().Informer(), tls.Core().V1().Secrets()
	is.ingresses, is.secrets = ingresses.GetIndexer(), secrets.Lister()
	if err := is.watch(ingresses, secrets.Informer()); err != nil {
		return err
	}
	all.Start(ctx.Done())
	tls.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), ingresses.HasSynced, secrets.Informer().HasSynced) {
		return nil
	}
	context.AfterFunc(ctx, is.queue.ShutDown)
	done := make(chan struct{}, workers)
	for range workers {
		go func() {
			for is.next(ctx) {
			}
			done <- struct{}{}
		}()
	}
	is.publish(ctx)
	for range workers {
		<-done
	}
	return nil
}

func (is *issuer) watch(ingresses, secrets cache.SharedIndexInformer) error {
	touch := func(o any) {
		for _, key := range named(o) {
			is.queue.Add(key)
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: touch, DeleteFunc: touch, UpdateFunc: func(was, now any) { touch(was); touch(now) }}
	_, errIngress := ingresses.AddEventHandler(handler)
	_, errSecret := secrets.AddEventHandler(handler)
	if err := errors.Join(ingresses.AddIndexers(cache.Indexers{bySecret: bySecretName}), errIngress, errSecret); err != nil {
		return fmt.Errorf("watch Ingresses and secrets: %w", err)
	}
	return nil
}

// bySecretName indexes Ingresses by the secrets that they name.
func bySecretName(o any) ([]string, error) {
	var out []string
	for _, key := range named(o) {
		out = append(out, key.String())
	}
	return out, nil
}

// named lists the secrets that an object is about.
func named(o any) []cache.ObjectName {
	if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	var out []cache.ObjectName
	switch x := o.(type) {
	case *corev1.Secret:
		out = append(out, cache.MetaObjectToName(x))
	case *networkingv1.Ingress:
		for _, tls := range x.Spec.TLS {
			if tls.SecretName != "" {
				out = append(out, cache.NewObjectName(x.Namespace, tls.SecretName))
			}
		}
	}
	return out
}

func (is *issuer) next(ctx context.Context) bool {
	key, down := is.queue.Get()
	if down {
		return false
	}
	defer is.queue.Done(key)
	if err := is.reconcile(ctx, key); err != nil && ctx.Err() == nil {
		logrus.Errorf("issuer: secret %s: %v", key, err)
		is.queue.AddRateLimited(key)
		return true
	}
	is.queue.Forget(key)
	return true
}

// reconcile makes one secret as the Ingresses that name it want it.
func (is *issuer) reconcile(ctx context.Context, key cache.ObjectName) error {
	hosts, err := is.hosts(key)
	if err != nil {
		return err
	}
	have, err := is.secrets.Secrets(key.Namespace).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if is.settled(have, hosts) {
		return nil
	}
	if real, err := is.certManager(); real || err != nil {
		return err
	}
	if len(hosts) == 0 {
		err := is.kube.CoreV1().Secrets(key.Namespace).Delete(ctx, key.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &have.UID}})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	return is.issue(ctx, key, hosts, have)
}

// settled tells whether there is nothing to do: the secret is somebody else's,
// or as the hosts want it.
func (is *issuer) settled(have *corev1.Secret, hosts []string) bool {
	if have == nil {
		return len(hosts) == 0
	}
	return have.Annotations[Annotation] == "" || len(hosts) > 0 && is.ca.covers(have.Data[corev1.TLSCertKey], hosts)
}

// certManager tells whether Certificates are defined, so that the real one has
// come or is about to.
func (is *issuer) certManager() (bool, error) {
	found, err := is.kube.Discovery().ServerResourcesForGroupVersion("cert-manager.io/v1")
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for cert-manager: %w", err)
	}
	return slices.ContainsFunc(found.APIResources, func(r metav1.APIResource) bool { return r.Name == "certificates" }), nil
}

func (is *issuer) issue(ctx context.Context, key cache.ObjectName, hosts []string, have *corev1.Secret) error {
	certificate, private, err := is.ca.issue(hosts)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Annotations: map[string]string{Annotation: remark}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: private},
	}
	if have != nil {
		secret.ResourceVersion = have.ResourceVersion
		_, err = is.kube.CoreV1().Secrets(key.Namespace).Update(ctx, secret, metav1.UpdateOptions{})
	} else {
		_, err = is.kube.CoreV1().Secrets(key.Namespace).Create(ctx, secret, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil // of another type, or by another hand: the watch will tell
		}
	}
	if err == nil {
		logrus.Infof("issuer: issued %s for %v", key, hosts)
	}
	return err
}

// hosts are those of all Ingresses that name the secret.
func (is *issuer) hosts(key cache.ObjectName) ([]string, error) {
	found, err := is.ingresses.ByIndex(bySecret, key.String())
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, o := range found {
		ingress := o.(*networkingv1.Ingress)
		for _, tls := range ingress.Spec.TLS {
			if tls.SecretName != key.Name || ingress.DeletionTimestamp != nil {
				continue
			}
			for _, host := range tls.Hosts {
				out[host] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(out)), nil
}

// publish lets everybody in the cluster read the CA's certificate.
func (is *issuer) publish(ctx context.Context) {
	const namespace, name = "kube-system", "lab-ca"
	want := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string]string{"ca.crt": string(is.ca.certPEM)}}
	for ctx.Err() == nil {
		_, err := is.kube.CoreV1().ConfigMaps(namespace).Create(ctx, want, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			_, err = is.kube.CoreV1().ConfigMaps(namespace).Update(ctx, want, metav1.UpdateOptions{})
		}
		if err == nil {
			return
		}
		logrus.Warnf("issuer: publish the CA: %v", err) // the namespace comes a moment after the API
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}
