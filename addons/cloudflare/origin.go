package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// OriginRequest asks Cloudflare's Origin CA for a certificate. The key stays
// with whoever made the request.
type OriginRequest struct {
	CSR       string   // PEM, for a key of ECDSA
	Hostnames []string // one label below a zone may be a wildcard
	Days      int      // 7, 30, 90, 365, 730, 1095 or 5475
}

var errNoCertificate = errors.New("the answer holds no certificate")

// OriginCertificate has a certificate signed that only Cloudflare trusts, and
// returns it as PEM. It is asked for once: an answer that got lost has left a
// certificate at Cloudflare that nobody uses, which does no harm.
func OriginCertificate(ctx context.Context, api API, r OriginRequest) ([]byte, error) {
	var out struct {
		Certificate string `json:"certificate"`
	}
	err := api.Write(ctx, Call{
		Method: http.MethodPost, Path: "/certificates", Needs: "Zone SSL and Certificates:Edit on the zones of the services",
		Body: map[string]any{"csr": r.CSR, "hostnames": r.Hostnames, "request_type": "origin-ecc", "requested_validity": r.Days},
	}, &out)
	if err == nil && out.Certificate == "" {
		err = errNoCertificate
	}
	if err != nil {
		return nil, machine.WithHint(fmt.Errorf("have Cloudflare's Origin CA sign for %v: %w", r.Hostnames, err), "%s", originHint(err))
	}
	return []byte(out.Certificate), nil
}

func originHint(err error) string {
	if lacks(err) {
		return "at " + tokensPage + " add Zone SSL and Certificates:Edit to the token, for the zones of the services"
	}
	return "the certificate in use stays; run the same command again"
}

// OriginCA signs by Cloudflare's Origin CA.
type OriginCA struct{ API API }

// Sign has the request (PEM) signed, and returns the certificate (PEM).
func (o OriginCA) Sign(ctx context.Context, csr []byte, hosts []string, days int) ([]byte, error) {
	return OriginCertificate(ctx, o.API, OriginRequest{CSR: string(csr), Hostnames: hosts, Days: days})
}
