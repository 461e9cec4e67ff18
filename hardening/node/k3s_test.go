package node

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const event = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%ID","stage":"ResponseStarted","stageTimestamp":"2026-01-02T03:04:05.000001Z"}` + "\n"

// apiServer refuses everybody, and does with the audit ID what log says.
func apiServer(t *testing.T, id string, log func()) string {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if id != "" {
			w.Header().Set(auditHeader, id)
		}
		w.WriteHeader(http.StatusUnauthorized)
		log()
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestOurOwnRequestIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	w.put(t, auditLog, strings.Repeat(strings.ReplaceAll(event, "%ID", "old"), 3000))
	r.K3s = &facts.K3sRequest{API: apiServer(t, "ours", func() { w.put(t, auditLog, w.read(t, auditLog)+strings.ReplaceAll(event, "%ID", "ours")+`{"half`) })}
	f := Collect(t.Context(), w.host(), r)
	want := facts.AuditLog{Path: auditLog, ID: "ours", Found: true, Newest: "2026-01-02T03:04:05.000001Z"}
	if f.K3s == nil || f.K3s.Audit == nil || *f.K3s.Audit != want {
		t.Errorf("got %+v, %v", f.K3s, f.Problems)
	}
}

func TestAnAuditLogThatIsNotWritten(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	r.K3s = &facts.K3sRequest{API: apiServer(t, "ours", func() {})}
	if f := Collect(t.Context(), w.host(), r); f.K3s.Audit == nil || f.K3s.Audit.Found || f.K3s.Audit.Newest != "" {
		t.Errorf("no file: %+v, %v", f.K3s, f.Problems)
	}
	w.put(t, auditLog, strings.ReplaceAll(event, "%ID", "old"))
	if f := Collect(t.Context(), w.host(), r); f.K3s.Audit == nil || f.K3s.Audit.Found || f.K3s.Audit.Newest == "" {
		t.Errorf("another event only: %+v, %v", f.K3s, f.Problems)
	}
}

func TestAnAgentKeepsNothing(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	r.K3s = &facts.K3sRequest{}
	if f := Collect(t.Context(), w.host(), r); f.K3s == nil || *f.K3s != (facts.K3s{}) || len(f.Problems) > 0 {
		t.Errorf("%+v, %v", f.K3s, f.Problems)
	}
}

func TestAnAuditLogThatCannotBeTried(t *testing.T) {
	t.Parallel()
	w, r := newLookedAt(t)
	r.K3s = &facts.K3sRequest{API: apiServer(t, "", func() {})}
	if f := Collect(t.Context(), w.host(), r); f.K3s.Audit != nil || !hasProblem(f, "k3s audit") {
		t.Errorf("no ID: %+v, %v", f.K3s, f.Problems)
	}
	r.K3s.API = "127.0.0.1:1"
	if f := Collect(t.Context(), w.host(), r); f.K3s.Audit != nil || !hasProblem(f, "k3s audit") {
		t.Errorf("nobody there: %+v, %v", f.K3s, f.Problems)
	}
	r.K3s.API = apiServer(t, "ours", func() {})
	w.put(t, k3sServerDir+"/logs/x", "")
	w.pipe(t, auditLog)
	if f := Collect(t.Context(), w.host(), r); f.K3s.Audit != nil || !hasProblem(f, "k3s audit") {
		t.Errorf("a pipe: %+v, %v", f.K3s, f.Problems)
	}
}

func TestHowSecretsAreKept(t *testing.T) {
	t.Parallel()
	const store = k3sServerDir + "/db/etcd/member/snap/db"
	w := newWorld(t)
	if e, err := w.host().encryption(); err != nil || len(e.Providers) != 0 || e.Store != "" {
		t.Errorf("nothing there: %+v, %v", e, err)
	}
	w.put(t, encryptionConfig, `{"kind":"EncryptionConfiguration","resources":[{"resources":["secrets"],"providers":[{"aescbc":{"keys":[{"name":"k","secret":"canary"}]}},{"identity":{}}]},{"resources":["configmaps"],"providers":[{"secretbox":{}}]}]}`)
	w.put(t, store, "junk/registry/secrets/kube-system/a\x10\x01\x18\x01 \x01*\x20k8s:enc:aescbc:v1:key:xxxx/registry/secrets/kube-system/b\x10\x01*\x20k8s\x00\n\x0c/registry/secrets/gone")
	e, err := w.host().encryption()
	if err != nil || strings.Join(e.Providers, " ") != "aescbc identity" || e.Store != store || e.Sealed != 1 || e.Plain != 1 {
		t.Errorf("got %+v, %v", e, err)
	}
	w.put(t, encryptionConfig, "canary")
	if _, err := w.host().encryption(); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("no JSON: %v", err)
	}
}

// Each Secret is found once, wherever the blocks end in which the file is read.
func TestSecretsAcrossTheBlocks(t *testing.T) {
	t.Parallel()
	const one = "/registry/secrets/ns/name\x10\x01*\x20k8s:enc:aescbc:v1:k:"
	for _, before := range []int{0, scanBlock - 5, scanBlock, scanBlock + 300, 2*scanBlock - 10, 2*scanBlock + 370} {
		data := append(bytes.Repeat([]byte{'x'}, before), one...)
		for _, after := range []int{0, 10, 500, scanBlock} {
			sealed, plain, err := countSecrets(bytes.NewReader(append(data, bytes.Repeat([]byte{'y'}, after)...)))
			if sealed != 1 || plain != 0 || err != nil {
				t.Errorf("at %d, %d after it: %d, %d, %v", before, after, sealed, plain, err)
			}
		}
	}
}

func FuzzCountSecrets(f *testing.F) {
	f.Add([]byte("/registry/secrets/ns/name\x10\x01*\x20k8s:enc:"))
	f.Add([]byte("/registry/secrets/ns/name\x10\x01*\x20k8s\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sealed, plain, err := countSecrets(bytes.NewReader(data))
		if found := bytes.Count(data, []byte(secretKey)); err != nil || sealed+plain > found {
			t.Errorf("%d sealed and %d plain of %d, %v", sealed, plain, found, err)
		}
	})
}
