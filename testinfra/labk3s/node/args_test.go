package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestArgs(t *testing.T) {
	t.Parallel()
	k, err := parseArgs([]string{"streaming-connection-idle-timeout=5m", "pod-max-pids=4096", "seccomp-default=true", "tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"})
	if err != nil || k.podPids != 4096 || !k.seccompDefault || k.streamingIdle != 5*time.Minute || k.eventQPS != 50 || len(k.tls.CipherSuites) != 1 {
		t.Errorf("%+v, %v", k, err)
	}
	for _, c := range []struct{ arg, says string }{
		{"made-up=1", "--made-up"}, {"also", "--also"}, {"anonymous-auth=true", "--anonymous-auth"},
		{"read-only-port=10255", "--read-only-port"}, {"pod-max-pids=many", "--pod-max-pids"}, {"tls-min-version=TLS9", "--tls-min-version"},
	} {
		if _, err := parseArgs([]string{"anonymous-auth=false", c.arg}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.arg, err)
		}
	}
}

func TestKernelFlags(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	set := func(name, value string) {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		set(name, value)
	}
	if err := checkKernel(root); err != nil {
		t.Error(err)
	}
	set("kernel/panic", "60")
	if err := checkKernel(root); err == nil || !strings.Contains(err.Error(), "kernel/panic, expected value: 10, actual value: 60") {
		t.Errorf("got %v", err)
	}
	if err := checkKernel(t.TempDir()); err == nil {
		t.Error("flags that cannot be read passed")
	}
}

func TestTaints(t *testing.T) {
	t.Parallel()
	got, err := parseTaints([]string{"a=b:NoSchedule", "only:NoExecute"})
	if err != nil || len(got) != 2 || got[0].Value != "b" || got[1].Key != "only" || got[1].Effect != "NoExecute" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseTaints([]string{"none"}); err == nil {
		t.Error("a taint of no effect")
	}
}
