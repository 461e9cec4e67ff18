package supervisor

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	cliflag "k8s.io/component-base/cli/flag"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/pki"
)

// Listener says how 6443 is served. K3s' listener follows the API server's
// own settings of TLS.
type Listener struct {
	CAs        *pki.Cluster
	MinVersion string // VersionTLS12, VersionTLS13
	Ciphers    string // with commas between them
}

// DefaultCiphers are the suites of TLS 1.2 that K3s takes where the settings
// name none (K3s pkg/cli/server).
func DefaultCiphers() []string {
	return []string{
		"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
	}
}

// Serve answers on a listener, and closes it when ctx ends.
func (l Listener) Serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	config, err := l.tls()
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: h, TLSConfig: config, ReadHeaderTimeout: 32 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0), // every scan of the port would fill the journal
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ServeTLS(listener, "", ""); ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}

func (l Listener) tls() (*tls.Config, error) {
	base := filepath.Join(l.CAs.Dir, "serving-kube-apiserver")
	cert, err := tls.LoadX509KeyPair(base+".crt", base+".key")
	if err != nil {
		return nil, fmt.Errorf("load the server's certificate: %w", err)
	}
	version, err := cliflag.TLSVersion(l.MinVersion)
	if err != nil {
		return nil, fmt.Errorf("tls-min-version: %w", err)
	}
	if l.MinVersion == "" {
		version = tls.VersionTLS12
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: version,
		ClientCAs: l.CAs.Client.Pool(), ClientAuth: tls.RequestClientCert,
	}
	ciphers := strings.Split(l.Ciphers, ",")
	if l.Ciphers == "" {
		ciphers = DefaultCiphers()
	}
	config.CipherSuites, err = cliflag.TLSCipherSuites(ciphers)
	if err != nil {
		return nil, fmt.Errorf("tls-cipher-suites: %w", err)
	}
	return config, nil
}
