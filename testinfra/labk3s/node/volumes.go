package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// volumes are those of one pod: emptyDir, hostPath, configMap, secret and
// projected ones. Any other kind is refused.
type volumes struct {
	node  *node
	dir   string
	paths map[string]string
	ready bool
	until map[string]time.Time // when a token must be asked for anew
}

// ensure makes each volume, and renews what has changed in the API.
func (v *volumes) ensure(ctx context.Context, pod *corev1.Pod) error {
	paths := map[string]string{}
	for _, volume := range pod.Spec.Volumes {
		path, err := v.one(ctx, pod, volume)
		if err != nil {
			return fmt.Errorf("MountVolume.SetUp failed for volume %q: %w", volume.Name, err)
		}
		paths[volume.Name] = path
	}
	v.paths, v.ready = paths, true
	return nil
}

func (v *volumes) one(ctx context.Context, pod *corev1.Pod, volume corev1.Volume) (string, error) {
	switch {
	case volume.EmptyDir != nil:
		return v.folder(pod, "kubernetes.io~empty-dir", volume.Name, 0o777)
	case volume.HostPath != nil:
		return volume.HostPath.Path, hostPath(volume.HostPath)
	case volume.ConfigMap != nil:
		c := volume.ConfigMap
		return v.files(ctx, pod, volume.Name, corev1.ProjectedVolumeSource{DefaultMode: c.DefaultMode, Sources: []corev1.VolumeProjection{{
			ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: c.LocalObjectReference, Items: c.Items, Optional: c.Optional}}}})
	case volume.Secret != nil:
		s := volume.Secret
		return v.files(ctx, pod, volume.Name, corev1.ProjectedVolumeSource{DefaultMode: s.DefaultMode, Sources: []corev1.VolumeProjection{{
			Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: s.SecretName}, Items: s.Items, Optional: s.Optional}}}})
	case volume.Projected != nil:
		return v.files(ctx, pod, volume.Name, *volume.Projected)
	}
	return "", fmt.Errorf("the lab's runner does not know this kind of volume")
}

func hostPath(h *corev1.HostPathVolumeSource) error {
	if h.Type != nil && *h.Type == corev1.HostPathDirectoryOrCreate {
		return os.MkdirAll(h.Path, 0o755)
	}
	_, err := os.Stat(h.Path)
	return err
}

// folder makes the volume's folder for the pod's group.
func (v *volumes) folder(pod *corev1.Pod, kind, name string, mode os.FileMode) (string, error) {
	path := filepath.Join(v.dir, kind, name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	if group := fsGroup(pod); group >= 0 {
		if err := os.Chown(path, -1, group); err != nil {
			return "", err
		}
		mode |= os.ModeSetgid | 0o070
	}
	return path, os.Chmod(path, mode)
}

func fsGroup(pod *corev1.Pod) int {
	if pod.Spec.SecurityContext == nil || pod.Spec.SecurityContext.FSGroup == nil {
		return -1
	}
	return int(*pod.Spec.SecurityContext.FSGroup)
}

// content is what one file of a volume holds.
type content struct {
	text  string
	mode  os.FileMode
	owner int // -1 to leave it
}

// files makes a volume of files from the API.
func (v *volumes) files(ctx context.Context, pod *corev1.Pod, name string, p corev1.ProjectedVolumeSource) (string, error) {
	path, err := v.folder(pod, "kubernetes.io~projected", name, 0o755)
	if err != nil {
		return "", err
	}
	mode := os.FileMode(0o644)
	if p.DefaultMode != nil {
		mode = os.FileMode(*p.DefaultMode)
	}
	for _, source := range p.Sources {
		found, err := v.project(ctx, pod, name, source)
		if err != nil {
			return "", err
		}
		for file, c := range found {
			if !filepath.IsLocal(file) {
				return "", fmt.Errorf("path %q", file)
			}
			if c.mode == 0 {
				c.mode = mode
			}
			if err := c.write(filepath.Join(path, file), fsGroup(pod)); err != nil {
				return "", err
			}
		}
	}
	return path, nil
}

// write replaces the file whole, as a container may be reading it.
func (c content) write(file string, group int) error {
	if have, err := os.ReadFile(file); err == nil && string(have) == c.text {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", []byte(c.text), 0o600); err != nil {
		return err
	}
	if err := os.Chown(file+".new", c.owner, group); err != nil {
		return err
	}
	mode := c.mode
	if group >= 0 {
		mode |= 0o040
	}
	if err := os.Chmod(file+".new", mode); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// project gives the files of one source. A token that is still good is left out.
func (v *volumes) project(ctx context.Context, pod *corev1.Pod, volume string, s corev1.VolumeProjection) (map[string]content, error) {
	switch {
	case s.ConfigMap != nil:
		data, err := v.node.configMap(ctx, pod.Namespace, s.ConfigMap.Name)
		return choose(data, err, s.ConfigMap.Items, s.ConfigMap.Optional)
	case s.Secret != nil:
		data, err := v.node.secret(ctx, pod.Namespace, s.Secret.Name)
		return choose(data, err, s.Secret.Items, s.Secret.Optional)
	case s.DownwardAPI != nil:
		out := map[string]content{}
		for _, item := range s.DownwardAPI.Items {
			if item.FieldRef == nil {
				return nil, fmt.Errorf("the lab's runner knows fields only in downwardAPI")
			}
			value, err := v.node.field(pod, item.FieldRef.FieldPath)
			if err != nil {
				return nil, err
			}
			out[item.Path] = content{text: value, owner: -1}
		}
		return out, nil
	case s.ServiceAccountToken != nil:
		return v.token(ctx, pod, volume, s.ServiceAccountToken)
	}
	return nil, fmt.Errorf("the lab's runner does not know this projection")
}

func choose(data map[string]string, err error, items []corev1.KeyToPath, optional *bool) (map[string]content, error) {
	maybe := optional != nil && *optional
	if apierrors.IsNotFound(err) && maybe {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string]content{}
	for key, text := range data {
		if len(items) == 0 {
			out[key] = content{text: text, owner: -1}
		}
	}
	for _, item := range items {
		text, ok := data[item.Key]
		if !ok && !maybe {
			return nil, fmt.Errorf("references non-existent key: %s", item.Key)
		}
		c := content{text: text, owner: -1}
		if item.Mode != nil {
			c.mode = os.FileMode(*item.Mode)
		}
		out[item.Path] = c
	}
	return out, nil
}

// token asks for a token of the pod's account once four fifths of the last
// one's life are over.
func (v *volumes) token(ctx context.Context, pod *corev1.Pod, volume string, p *corev1.ServiceAccountTokenProjection) (map[string]content, error) {
	key := volume + "/" + p.Path
	if time.Now().Before(v.until[key]) {
		return nil, nil
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: p.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if p.Audience != "" {
		request.Spec.Audiences = []string{p.Audience}
	}
	now := time.Now()
	got, err := v.node.kube.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to fetch token: %w", err)
	}
	life := time.Duration(3600) * time.Second
	if got.Spec.ExpirationSeconds != nil {
		life = time.Duration(*got.Spec.ExpirationSeconds) * time.Second
	}
	if v.until == nil {
		v.until = map[string]time.Time{}
	}
	v.until[key] = now.Add(min(life*4/5, 24*time.Hour))
	c := content{text: got.Status.Token, owner: -1, mode: 0o644}
	if s := pod.Spec.SecurityContext; s != nil && s.RunAsUser != nil {
		c.owner, c.mode = int(*s.RunAsUser), 0o600
	}
	return map[string]content{p.Path: c}, nil
}
