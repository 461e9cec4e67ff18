package issuer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

func ingress(name string, hosts ...string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "edge-git", Name: name},
		Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: hosts, SecretName: "git-tls"}}},
	}
}

// started runs an issuer on a cluster in memory.
func started(t *testing.T, objects ...*corev1.Secret) *fake.Clientset {
	t.Helper()
	ca, err := openAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kube := fake.NewClientset()
	for _, o := range objects {
		if _, err := kube.CoreV1().Secrets(o.Namespace).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- run(ctx, kube, ca) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the CA is published", func() bool {
		_, err := kube.CoreV1().ConfigMaps("kube-system").Get(t.Context(), "lab-ca", metav1.GetOptions{})
		return err == nil
	})
	return kube
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("not so in the end: %s", what)
}

func certificate(t *testing.T, kube *fake.Clientset) *x509.Certificate {
	s, err := kube.CoreV1().Secrets("edge-git").Get(t.Context(), "git-tls", metav1.GetOptions{})
	if err != nil {
		return nil
	}
	pair, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	if err != nil || s.Annotations[Annotation] == "" {
		t.Fatalf("%v, annotations %v", err, s.Annotations)
	}
	return pair.Leaf
}

func TestACertificatesLife(t *testing.T) {
	t.Parallel()
	kube := started(t)
	client := kube.NetworkingV1().Ingresses("edge-git")
	if _, err := client.Create(t.Context(), ingress("lan", "git.lab.test"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "issued", func() bool {
		c := certificate(t, kube)
		return c != nil && c.VerifyHostname("git.lab.test") == nil
	})
	if _, err := client.Create(t.Context(), ingress("tunnel", "git.example.org"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "issued for both", func() bool {
		c := certificate(t, kube)
		return c.VerifyHostname("git.lab.test") == nil && c.VerifyHostname("git.example.org") == nil
	})
	for _, name := range []string{"lan", "tunnel"} {
		if err := client.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "taken away", func() bool { return certificate(t, kube) == nil })
}

func TestAForeignSecretIsLeftAlone(t *testing.T) {
	t.Parallel()
	foreign := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "edge-git", Name: "git-tls"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: []byte("theirs"), corev1.TLSPrivateKeyKey: nil},
	}
	kube := started(t, foreign)
	two := ingress("lan", "git.lab.test")
	two.Spec.TLS = append(two.Spec.TLS, networkingv1.IngressTLS{Hosts: []string{"a.lab.test"}, SecretName: "a-tls"})
	if _, err := kube.NetworkingV1().Ingresses("edge-git").Create(t.Context(), two, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other entry is issued", func() bool {
		_, err := kube.CoreV1().Secrets("edge-git").Get(t.Context(), "a-tls", metav1.GetOptions{})
		return err == nil
	})
	s, err := kube.CoreV1().Secrets("edge-git").Get(t.Context(), "git-tls", metav1.GetOptions{})
	if err != nil || string(s.Data[corev1.TLSCertKey]) != "theirs" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestTheAuthorityIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, _, err := first.issue([]string{"*.lab.test", "10.77.0.11"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	for hosts, want := range map[[2]string]bool{{"*.lab.test", "10.77.0.11"}: true, {"*.lab.test", "10.77.0.12"}: false} {
		if got := second.covers(certPEM, hosts[:]); got != want {
			t.Errorf("covers %v: %v", hosts, got)
		}
	}
	if second.covers(nil, nil) {
		t.Error("nothing covers nothing")
	}
}

func TestItStepsBackForCertManager(t *testing.T) {
	t.Parallel()
	kube := started(t)
	client := kube.NetworkingV1().Ingresses("edge-git")
	if _, err := client.Create(t.Context(), ingress("lan", "git.lab.test"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "issued", func() bool { return certificate(t, kube) != nil })
	ca, err := openAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real := fake.NewClientset()
	real.Resources = []*metav1.APIResourceList{{GroupVersion: "cert-manager.io/v1", APIResources: []metav1.APIResource{{Name: "certificates"}}}}
	one, err := kube.CoreV1().Secrets("edge-git").Get(t.Context(), "git-tls", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, secrets := range map[string][]*corev1.Secret{"a new host": nil, "no Ingress any more": {one}} {
		is := &issuer{ca: ca, kube: real, ingresses: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{bySecret: bySecretName})}
		held := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
		for _, s := range secrets {
			if err := held.Add(s); err != nil {
				t.Fatal(err)
			}
		}
		if len(secrets) == 0 {
			if err := is.ingresses.Add(ingress("lan", "git.lab.test")); err != nil {
				t.Fatal(err)
			}
		}
		is.secrets = corelisters.NewSecretLister(held)
		if err := is.reconcile(t.Context(), cache.NewObjectName("edge-git", "git-tls")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, a := range real.Actions() {
		if a.GetVerb() != "get" {
			t.Errorf("beside cert-manager it does %s %s", a.GetVerb(), a.GetResource().Resource)
		}
	}
}
