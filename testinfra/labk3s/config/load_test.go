package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/config"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "config.yaml.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "config.yaml")
}

func TestTheLastOneWins(t *testing.T) {
	t.Parallel()
	file := write(t, map[string]string{
		"config.yaml":               "token: a\ntls-san: [one]\ncluster-init: true\nhttps-listen-port: 7443\ndisable: servicelb,traefik\n",
		"config.yaml.d/20-b.yaml":   "token: c\ntls-san+: [three]\n",
		"config.yaml.d/10-a.yaml":   "token: b\ntls-san+: two\nkubelet-arg: ['a=b,c']\n",
		"config.yaml.d/30-not.conf": "nonsense: true\n",
	})
	c, err := config.Load(config.Server, file, []string{"--node-name", "n", "--tls-san=four", "--secrets-encryption"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Token != "c" || !c.ClusterInit || c.HTTPSPort != 7443 || c.NodeName != "n" || !c.SecretsEncryption {
		t.Errorf("got %+v", c)
	}
	for what, pair := range map[string][2][]string{
		"tls-san":     {c.TLSSAN, {"one", "two", "three", "four"}},
		"disable":     {c.Disable, {"servicelb", "traefik"}},
		"kubelet-arg": {c.KubeletArgs, {"a=b,c"}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
		}
	}
	want := []string{"server", "--cluster-init", "true", "--disable", "servicelb,traefik", "--https-listen-port", "7443", "--tls-san", "one", "--tls-san", "two",
		"--tls-san", "three", "--tls-san", "four", "--token", "********", "--kubelet-arg", "a=b,c", "--node-name", "n", "--secrets-encryption", "true"}
	if !slices.Equal(c.Given, want) {
		t.Errorf("given: %q, want %q", c.Given, want)
	}
	if c.ClusterCIDR != "10.42.0.0/16" {
		t.Errorf("the default of cluster-cidr is lost: %q", c.ClusterCIDR)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role    config.Role
		text    string
		args    []string
		unknown bool
	}{
		"a key that K3s has not":         {config.Server, "tls-sans: [a]\n", nil, true},
		"a server's key for an agent":    {config.Agent, "tls-san: [a]\n", nil, true},
		"a flag that K3s has not":        {config.Agent, "", []string{"--nonsense=1"}, true},
		"a key that is there twice":      {config.Server, "token: a\ntoken: b\n", nil, false},
		"a list where one value belongs": {config.Server, "token: [a, b]\n", nil, false},
		"text where a number belongs":    {config.Server, "https-listen-port: many\n", nil, false},
		"text where a switch belongs":    {config.Server, "cluster-init: perhaps\n", nil, false},
		"a flag without its value":       {config.Server, "", []string{"--token"}, false},
		"a word that is no flag":         {config.Server, "", []string{"token"}, false},
		"no YAML":                        {config.Server, "token", nil, false},
		"a token file that is not there": {config.Server, "token-file: /nowhere/at/all\n", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(c.role, write(t, map[string]string{"config.yaml": c.text}), c.args)
			if err == nil || errors.Is(err, config.ErrUnknownKey) != c.unknown {
				t.Errorf("error is %v, unknown key should be %v", err, c.unknown)
			}
		})
	}
}

func TestIgnoredKeysAreAccepted(t *testing.T) {
	t.Parallel()
	for key, why := range config.Ignored() {
		c, err := config.Load(config.Agent, write(t, map[string]string{"config.yaml": key + ": x\n"}), nil)
		if err != nil || why == "" {
			t.Errorf("%s (%s): %v", key, why, err)
		}
		if c.DataDir != config.Defaults().DataDir {
			t.Errorf("%s changed the settings", key)
		}
	}
}

func TestTokenFile(t *testing.T) {
	t.Parallel()
	file := write(t, map[string]string{"secret": " s3 \n"})
	secret := filepath.Join(filepath.Dir(file), "secret")
	if err := os.WriteFile(file, []byte("token-file: "+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Agent, file, nil)
	if err != nil || c.Token != "s3" {
		t.Errorf("token %q, %v", c.Token, err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("token: a\ntls-san+: [1, true]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := config.Load(config.Server, write(t, map[string]string{"config.yaml": text}), nil); err != nil {
			t.Skip()
		}
	})
}
