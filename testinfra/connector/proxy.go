package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// ServeHTTP takes the requests that the edge sends.
func (c *connector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host == wire.ConfigHost && r.Method == http.MethodPut {
		c.takeConfig(w, r)
		return
	}
	c.mu.Lock()
	config := c.config
	c.mu.Unlock()
	if config == nil {
		http.Error(w, "no ingress rules were defined", http.StatusServiceUnavailable)
		return
	}
	rule, err := config.Match(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if status, _ := rule.Status(); status != 0 {
		w.WriteHeader(status)
		return
	}
	to, err := url.Parse(rule.Service)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" {
		c.log.Printf("not taught: service %s", rule.Service)
		http.Error(w, "connector was not taught service "+rule.Service, http.StatusBadGateway)
		return
	}
	c.forward(w, r, to, originOf(*config, rule))
}

// origin is what an originRequest says about reaching a service.
type origin struct {
	hostHeader, serverName string
	noVerify               bool
	connectTimeout         time.Duration
}

// originOf takes a rule's options, and those for all rules where it has none.
func originOf(c ingress.Config, r ingress.Rule) origin {
	o := origin{connectTimeout: 30 * time.Second}
	for _, options := range []map[string]any{c.OriginRequest, r.OriginRequest} {
		if v, ok := options["httpHostHeader"].(string); ok {
			o.hostHeader = v
		}
		if v, ok := options["originServerName"].(string); ok {
			o.serverName = v
		}
		if v, ok := options["noTLSVerify"].(bool); ok {
			o.noVerify = v
		}
		if v, ok := options["connectTimeout"].(float64); ok {
			o.connectTimeout = time.Duration(v) * time.Second
		}
	}
	return o
}

func (c *connector) forward(w http.ResponseWriter, r *http.Request, to *url.URL, o origin) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&net.Dialer{Timeout: o.connectTimeout}).DialContext(ctx, network, address)
		},
		// noTLSVerify is an option of cloudflared that users set.
		TLSClientConfig:   &tls.Config{ServerName: o.serverName, InsecureSkipVerify: o.noVerify, RootCAs: c.roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
	proxy := httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = to.Scheme, to.Host, r.Host
			if o.hostHeader != "" {
				p.Out.Host = o.hostHeader
			}
			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto"} { // what the edge has added
				p.Out.Header[name] = p.In.Header[name]
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			c.log.Printf("unable to reach the origin service: %v", err)
			w.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprintf(w, "Unable to reach the origin service. The service may be down or it may not be responding to traffic from cloudflared: %v\n", err)
		},
	}
	proxy.ServeHTTP(w, r)
}
