package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	kubeletPort = 10250
	healthAddr  = "127.0.0.1:10248"
)

// serve answers as the kubelet does: to whoever has a certificate and may,
// on 10250, and its health to anybody on loopback.
func (n *node) serve(ctx context.Context) error {
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(n.ClientCA)
	if err != nil {
		return fmt.Errorf("kubelet: read the client CA: %w", err)
	}
	if !pool.AppendCertsFromPEM(ca) {
		return fmt.Errorf("kubelet: no certificate in %s", n.ClientCA)
	}
	pair, err := tls.LoadX509KeyPair(n.ServingCert, n.ServingKey)
	if err != nil {
		return fmt.Errorf("kubelet: read the serving certificate: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pods", n.listPods)
	mux.HandleFunc("GET /configz", n.configz)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.containerLogs)
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "the lab's kubelet was not taught "+r.URL.Path, http.StatusNotFound)
	})
	secure := &http.Server{
		Handler: n.authorized(pool, mux), ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert,
			MinVersion: n.kubelet.tls.MinVersion, CipherSuites: n.kubelet.tls.CipherSuites},
	}
	plain := &http.Server{Handler: http.HandlerFunc(healthz), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 2)
	if err := listen(secure, fmt.Sprintf(":%d", kubeletPort), failed); err != nil {
		return err
	}
	defer secure.Close()
	if err := listen(plain, healthAddr, failed); err != nil {
		return err
	}
	defer plain.Close()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-failed:
		return fmt.Errorf("kubelet: serve: %w", err)
	}
}

func listen(s *http.Server, address string, failed chan<- error) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	go func() {
		serve := s.Serve
		if s.TLSConfig != nil {
			serve = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return nil
}

func healthz(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }

// authorized lets pass who has a certificate of the client CA and to whom the
// API server grants nodes/proxy.
func (n *node) authorized(pool *x509.CertPool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		peer := r.TLS.PeerCertificates[0]
		_, err := peer.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if err != nil {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		review, err := n.kube.AuthorizationV1().SubjectAccessReviews().Create(r.Context(), &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{
				User: peer.Subject.CommonName, Groups: append(peer.Subject.Organization, "system:authenticated"),
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Version: "v1", Resource: "nodes", Subresource: "proxy", Name: n.Name},
			},
		}, metav1.CreateOptions{})
		if err != nil || !review.Status.Allowed {
			http.Error(w, fmt.Sprintf("Forbidden (user=%s, verb=get, resource=nodes, subresource(s)=[proxy])", peer.Subject.CommonName), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (n *node) listPods(w http.ResponseWriter, _ *http.Request) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{}}
	for _, pod := range n.pods.list() {
		list.Items = append(list.Items, *pod)
	}
	answer(w, list)
}

// configz tells what the settings are, in the words of KubeletConfiguration.
// Those of containers are told and not applied: see the package's comment.
func (n *node) configz(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{"kubeletconfig": map[string]any{
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": n.ClientCA},
		},
		"authorization":                  map[string]any{"mode": "Webhook"},
		"port":                           kubeletPort,
		"readOnlyPort":                   0,
		"protectKernelDefaults":          n.ProtectKernelDefaults,
		"seccompDefault":                 n.kubelet.seccompDefault,
		"podPidsLimit":                   n.kubelet.podPids,
		"eventRecordQPS":                 n.kubelet.eventQPS,
		"streamingConnectionIdleTimeout": n.kubelet.streamingIdle.String(),
		"clusterDNS":                     []string{n.ClusterDNS},
		"clusterDomain":                  n.ClusterDomain,
	}})
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(what); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// containerLogs gives a container's output, the last lines of it if asked.
func (n *node) containerLogs(w http.ResponseWriter, r *http.Request) {
	file, ok := n.pods.logOf(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"), r.URL.Query().Get("previous") == "true")
	if !ok {
		http.Error(w, "no such container, or it never ran", http.StatusNotFound)
		return
	}
	content, err := os.ReadFile(file)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if tail, err := strconv.Atoi(r.URL.Query().Get("tailLines")); err == nil {
		content = []byte(lastLines(string(content), tail))
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Write(content)
}

func lastLines(text string, count int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines[max(0, len(lines)-count):], "")
}
