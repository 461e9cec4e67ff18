package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	token := wire.Token{Account: "a", Tunnel: "t", Secret: []byte("s")}.Encode()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string]func(string) string{"environment": environment("TUNNEL_TOKEN", token), "file": environment("TUNNEL_TOKEN_FILE", file)} {
		o, err := parse(strings.Fields("--no-autoupdate tunnel --no-autoupdate --metrics 127.0.0.1:2000 --protocol=http2 run"), env)
		if err != nil || o.metrics != "127.0.0.1:2000" || o.token.Tunnel != "t" || o.edge != "region1.v2.argotunnel.com:7844" {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	o, err := parse(strings.Fields("tunnel --config /c --credentials-file /k --edge e:1 run home"), environment())
	if err != nil || o.config != "/c" || o.creds != "/k" || o.tunnel != "home" || o.edge != "e:1" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{
		"", "access", "tunnel", "tunnel list", "tunnel run a b", "tunnel --hello-world run", "tunnel run --metrics",
		"tunnel run --credentials-contents x",
	} {
		if _, err := parse(strings.Fields(bad), environment("TUNNEL_TOKEN", token)); err == nil {
			t.Errorf("taken: %q", bad)
		}
	}
	for _, shown := range []string{"tunnel run --token " + token, "tunnel run --token=" + token} {
		if _, err := parse(strings.Fields(shown), environment()); !errors.Is(err, errToken) {
			t.Errorf("%v", err)
		}
	}
	for _, env := range []func(string) string{environment(), environment("TUNNEL_TOKEN", "x"), environment("TUNNEL_TOKEN_FILE", "/nowhere")} {
		if _, err := parse([]string{"tunnel", "run"}, env); err == nil {
			t.Error("it runs without a token")
		}
	}
}

func TestFilesOfALocalTunnel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	creds := write("c.json", `{"AccountTag":"a","TunnelID":"t","TunnelName":"n","TunnelSecret":"c2VjcmV0"}`)
	config := write("c.yaml", "tunnel: t\ncredentials-file: "+creds+"\nmetrics: 127.0.0.1:1\ningress:\n- service: http_status:404\noriginRequest: {keepAliveTimeout: 1m}\n")
	o := options{config: config}
	rules, err := o.local()
	if err != nil || o.token.Account != "a" || o.metrics != "127.0.0.1:1" || rules.OriginRequest["keepAliveTimeout"] != 60.0 {
		t.Errorf("%+v, %+v, %v", o, rules, err)
	}
	for name, bad := range map[string]options{
		"no file":        {config: dir + "/none"},
		"no credentials": {config: config, creds: dir + "/none"},
		"others":         {config: write("o.yaml", "tunnel: u\ncredentials-file: "+creds+"\ningress: [{service: 'http_status:404'}]\n")},
		"half":           {config: config, creds: write("h.json", `{"AccountTag":"a"}`)},
		"unknown key":    {config: write("u.yaml", "tunel: t\n"), creds: creds},
		"no rule":        {config: write("n.yaml", "tunnel: t\n"), creds: creds},
		"no duration":    {config: write("d.yaml", "tunnel: t\ningress: [{service: 'http_status:404', originRequest: {tlsTimeout: 5}}]\n"), creds: creds},
		"nor for all":    {config: write("e.yaml", "tunnel: t\noriginRequest: {tlsTimeout: long}\n"), creds: creds},
	} {
		if _, err := bad.local(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestTheProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "cloudflare")
	var out bytes.Buffer
	if err := run(t.Context(), []string{"tunnel"}, environment(), &out); err == nil || !strings.Contains(out.String(), "stand-in") {
		t.Errorf("%v, said %s", err, &out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	args := []string{"tunnel", "--metrics", "127.0.0.1:0", "--edge", w.Connectors, "run"}
	if err := run(ctx, args, environment("TUNNEL_TOKEN", w.token), &out); err != nil {
		t.Errorf("stopped: %v", err)
	}
	args[2] = "nowhere:no"
	if err := run(ctx, args, environment("TUNNEL_TOKEN", w.token), &out); err == nil {
		t.Error("it runs without its metrics address")
	}
	if err := run(ctx, []string{"tunnel", "--config", "/nowhere", "run"}, environment(), &out); err == nil {
		t.Error("it runs without its file")
	}
}

func FuzzParseLocal(f *testing.F) {
	f.Add([]byte("tunnel: t\ningress:\n- {hostname: a.test, service: 'http://a:1', originRequest: {connectTimeout: 1s}}\n- service: http_status:404\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, rules, err := parseLocal(text); err == nil && rules.Validate() != nil {
			t.Errorf("taken: %s", text)
		}
	})
}
