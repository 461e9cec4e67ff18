package deploy

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// api is the cluster behind a connection.
type api struct {
	client  dynamic.Interface
	kinds   *restmapper.DeferredDiscoveryRESTMapper
	manager string
}

func newAPI(admin *rest.Config, manager string) (*api, error) {
	client, err := dynamic.NewForConfig(admin)
	if err != nil {
		return nil, fmt.Errorf("reach the API: %w", err)
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(admin)
	if err != nil {
		return nil, fmt.Errorf("reach the API: %w", err)
	}
	return &api{client, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds)), manager}, nil
}

func (a *api) apply(ctx context.Context, o *unstructured.Unstructured) error {
	at, err := a.resource(o)
	if err != nil {
		return err
	}
	_, err = at.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: a.manager, Force: true})
	return err
}

func (a *api) remove(ctx context.Context, o *unstructured.Unstructured) error {
	at, err := a.resource(o)
	if err != nil {
		return err
	}
	err = at.Delete(ctx, o.GetName(), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// resource finds where objects of this kind are kept. A kind that is not known
// may have been defined since the kinds were last asked for.
func (a *api) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := o.GroupVersionKind()
	mapping, err := a.kinds.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		a.kinds.Reset()
		mapping, err = a.kinds.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("find the kind: %w", err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return a.client.Resource(mapping.Resource), nil
	}
	if o.GetNamespace() == "" {
		o.SetNamespace("default")
	}
	return a.client.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
}
