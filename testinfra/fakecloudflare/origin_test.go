package fakecloudflare

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"testing"
)

func newCSR(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func TestOriginCertificates(t *testing.T) {
	t.Parallel()
	r := Start(t, Options{Tokens: []Token{{Value: TestToken, Grants: Grants(TestZone, SSLEdit)}, {Value: otherToken, Grants: Grants(TestZone, DNSEdit)}}})
	c := clientOf(t, r)
	order := func(change string, value any) doc {
		d := doc{"hostnames": []string{"git.lab.test", "*.lab.test"}, "request_type": "origin-ecc", "requested_validity": 90, "csr": newCSR(t)}
		d[change] = value
		return d
	}
	var made Certificate
	c.must("POST", "/certificates", order("requested_validity", 7), &made)
	block, _ := pem.Decode([]byte(made.PEM))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(r.OriginCA())
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: "git.lab.test"}); err != nil {
		t.Error(err)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: r.opts.CA.Pool(), DNSName: "git.lab.test"}); err == nil {
		t.Error("the lab's CA vouches for the Origin CA")
	}
	client{t, r, otherToken}.refused("POST", "/certificates", order("csr", newCSR(t)), http.StatusForbidden, 10000)
	for name, test := range map[string]struct {
		body doc
		code int
	}{
		"validity":     {order("requested_validity", 8), 1100},
		"foreign name": {order("hostnames", []string{"git.other.test"}), 1010},
		"no name":      {order("hostnames", []string{}), 1009},
		"no request":   {order("csr", "hello"), 1002},
		"wrong key":    {order("request_type", "origin-rsa"), 1006},
	} {
		if out := c.call("POST", "/certificates", test.body); out.code() != test.code {
			t.Errorf("%s: %v, want %d", name, out.Errors, test.code)
		}
	}
	var all []Certificate
	list := "/certificates?zone_id=" + hexOf("zone "+TestZone)
	c.must("GET", list, nil, &all)
	c.must("GET", "/certificates/"+made.ID, nil, nil)
	c.must("DELETE", "/certificates/"+made.ID, nil, nil)
	c.refused("DELETE", "/certificates/"+made.ID, nil, http.StatusBadRequest, 1014)
	c.refused("GET", "/certificates/none", nil, http.StatusNotFound, 1101)
	if len(all) != 1 || r.Certificates()[0].Revoked == nil {
		t.Errorf("listed %v, kept %v", all, r.Certificates())
	}
	c.must("GET", list, nil, &all)
	if len(all) != 0 {
		t.Errorf("a revoked one is listed: %v", all)
	}
}
