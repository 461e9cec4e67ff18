package node

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// variables is the environment of a container: the image's, the API's place,
// envFrom and env, each of which may refer to what stands before it.
func (n *node) variables(ctx context.Context, pod *corev1.Pod, c *corev1.Container, img image) (map[string]string, error) {
	out := map[string]string{}
	for _, e := range img.Env {
		key, value, _ := strings.Cut(e, "=")
		out[key] = value
	}
	out["HOSTNAME"], out["KUBERNETES_SERVICE_HOST"], out["KUBERNETES_SERVICE_PORT"] = n.Name, apiHost, apiPort
	if !pod.Spec.HostNetwork {
		service, err := apiService(n.ServiceCIDR)
		if err != nil {
			return nil, err
		}
		out["HOSTNAME"], out["KUBERNETES_SERVICE_HOST"], out["KUBERNETES_SERVICE_PORT"] = hostname(pod), service.String(), "443"
	}
	for _, from := range c.EnvFrom {
		if err := n.addAll(ctx, pod, from, out); err != nil {
			return nil, err
		}
	}
	mapping := expansion.MappingFuncFor(out)
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			out[e.Name] = expansion.Expand(e.Value, mapping)
			continue
		}
		value, ok, err := n.valueFrom(ctx, pod, e.ValueFrom)
		if err != nil {
			return nil, err
		}
		if ok {
			out[e.Name] = value
		}
	}
	return out, nil
}

func (n *node) addAll(ctx context.Context, pod *corev1.Pod, from corev1.EnvFromSource, out map[string]string) error {
	var data map[string]string
	var err error
	var optional *bool
	switch {
	case from.ConfigMapRef != nil:
		data, err = n.configMap(ctx, pod.Namespace, from.ConfigMapRef.Name)
		optional = from.ConfigMapRef.Optional
	case from.SecretRef != nil:
		data, err = n.secret(ctx, pod.Namespace, from.SecretRef.Name)
		optional = from.SecretRef.Optional
	}
	if apierrors.IsNotFound(err) && optional != nil && *optional {
		return nil
	}
	for key, value := range data {
		out[from.Prefix+key] = value
	}
	return err
}

// valueFrom finds one value; ok is false when it is optional and not there.
func (n *node) valueFrom(ctx context.Context, pod *corev1.Pod, from *corev1.EnvVarSource) (value string, ok bool, err error) {
	var data map[string]string
	var key, name string
	var optional *bool
	switch {
	case from.FieldRef != nil:
		value, err := n.field(pod, from.FieldRef.FieldPath)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		r := from.ConfigMapKeyRef
		key, name, optional = r.Key, "configmap "+r.Name, r.Optional
		data, err = n.configMap(ctx, pod.Namespace, r.Name)
	case from.SecretKeyRef != nil:
		r := from.SecretKeyRef
		key, name, optional = r.Key, "secret "+r.Name, r.Optional
		data, err = n.secret(ctx, pod.Namespace, r.Name)
	default:
		return "", false, fmt.Errorf("the lab's runner does not know this valueFrom")
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return "", false, err
	}
	value, ok = data[key]
	if !ok && (optional == nil || !*optional) {
		return "", false, fmt.Errorf("couldn't find key %s in %s/%s", key, pod.Namespace, name)
	}
	return value, ok, nil
}

// field is a value of the downward API.
func (n *node) field(pod *corev1.Pod, path string) (string, error) {
	switch path {
	case "metadata.name":
		return pod.Name, nil
	case "metadata.namespace":
		return pod.Namespace, nil
	case "metadata.uid":
		return string(pod.UID), nil
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP":
		return n.IP, nil
	case "status.podIP":
		return n.podIP(pod), nil
	}
	return "", fmt.Errorf("the lab's runner does not know the field %s", path)
}

func (n *node) configMap(ctx context.Context, namespace, name string) (map[string]string, error) {
	m, err := n.kube.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for key, value := range m.BinaryData {
		out[key] = string(value)
	}
	for key, value := range m.Data {
		out[key] = value
	}
	return out, nil
}

func (n *node) secret(ctx context.Context, namespace, name string) (map[string]string, error) {
	s, err := n.kube.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for key, value := range s.Data {
		out[key] = string(value)
	}
	return out, nil
}
