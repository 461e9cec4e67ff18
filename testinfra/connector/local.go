package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/ingress"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// localConfig is the file of a locally managed tunnel.
type localConfig struct {
	Tunnel        string         `yaml:"tunnel"`
	Credentials   string         `yaml:"credentials-file"`
	Ingress       []localRule    `yaml:"ingress"`
	OriginRequest map[string]any `yaml:"originRequest"`
	// These may be in the file instead of the arguments.
	Metrics      string `yaml:"metrics"`
	NoAutoupdate bool   `yaml:"no-autoupdate"`
	Protocol     string `yaml:"protocol"`
}

type localRule struct {
	Hostname      string         `yaml:"hostname"`
	Path          string         `yaml:"path"`
	Service       string         `yaml:"service"`
	OriginRequest map[string]any `yaml:"originRequest"`
}

// parseLocal reads the file; durations are words there and seconds in the API.
func parseLocal(text []byte) (localConfig, ingress.Config, error) {
	var l localConfig
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&l); err != nil {
		return l, ingress.Config{}, fmt.Errorf("read the tunnel's file: %w", err)
	}
	all, err := inSeconds(l.OriginRequest)
	if err != nil {
		return l, ingress.Config{}, err
	}
	rules := ingress.Config{OriginRequest: all}
	for _, r := range l.Ingress {
		options, err := inSeconds(r.OriginRequest)
		if err != nil {
			return l, ingress.Config{}, err
		}
		rules.Ingress = append(rules.Ingress, ingress.Rule{Hostname: r.Hostname, Path: r.Path, Service: r.Service, OriginRequest: options})
	}
	asAPI, err := json.Marshal(rules)
	if err != nil {
		return l, ingress.Config{}, fmt.Errorf("read the tunnel's file: %w", err)
	}
	rules, err = ingress.Parse(asAPI)
	return l, rules, err
}

func inSeconds(options map[string]any) (map[string]any, error) {
	for _, name := range []string{"connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout"} {
		value, ok := options[name]
		if !ok {
			continue
		}
		text, ok := value.(string)
		d, err := time.ParseDuration(text)
		if !ok || err != nil {
			return nil, fmt.Errorf("read the tunnel's file: %s: %v is not a duration", name, value)
		}
		options[name] = int(d / time.Second)
	}
	return options, nil
}

// parseCredentials reads the file that `cloudflared tunnel create` writes.
func parseCredentials(text []byte) (wire.Token, error) {
	var c struct {
		AccountTag, TunnelID, TunnelName string
		TunnelSecret                     []byte
	}
	err := json.Unmarshal(text, &c)
	if err == nil && (c.AccountTag == "" || c.TunnelID == "" || len(c.TunnelSecret) == 0) {
		err = errors.New("AccountTag, TunnelID or TunnelSecret is missing")
	}
	if err != nil {
		return wire.Token{}, fmt.Errorf("read the tunnel's credentials: %w", err)
	}
	return wire.Token{Account: c.AccountTag, Tunnel: c.TunnelID, Secret: c.TunnelSecret}, nil
}

// local loads both files of a locally managed tunnel.
func (o *options) local() (ingress.Config, error) {
	text, err := os.ReadFile(o.config)
	if err != nil {
		return ingress.Config{}, fmt.Errorf("read the tunnel's file: %w", err)
	}
	file, rules, err := parseLocal(text)
	if err != nil {
		return rules, err
	}
	if o.creds == "" {
		o.creds = file.Credentials
	}
	if file.Metrics != "" {
		o.metrics = file.Metrics
	}
	if text, err = os.ReadFile(o.creds); err != nil {
		return rules, fmt.Errorf("read the tunnel's credentials: %w", err)
	}
	if o.token, err = parseCredentials(text); err != nil {
		return rules, err
	}
	if file.Tunnel != "" && file.Tunnel != o.token.Tunnel {
		return rules, fmt.Errorf("the credentials are of tunnel %s, the file is of %s", o.token.Tunnel, file.Tunnel)
	}
	return rules, nil
}
