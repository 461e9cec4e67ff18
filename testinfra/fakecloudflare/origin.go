package fakecloudflare

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Certificate is one of Cloudflare's Origin CA.
type Certificate struct {
	ID        string    `json:"id"`
	PEM       string    `json:"certificate"`
	CSR       string    `json:"csr"`
	Hostnames []string  `json:"hostnames"`
	Type      string    `json:"request_type"`
	Days      int       `json:"requested_validity"`
	Expires   time.Time `json:"expires_on"`
	// Revoked is set by DELETE.
	Revoked *time.Time `json:"revoked_at,omitempty"`
}

func originRoutes() []route {
	return []route{
		{"GET", "/certificates", []string{"zone_id", "page", "per_page"}, false, (*call).listCertificates},
		{"POST", "/certificates", nil, false, (*call).postCertificate},
		{"GET", "/certificates/{certificate}", nil, false, (*call).getCertificate},
		{"DELETE", "/certificates/{certificate}", nil, false, (*call).deleteCertificate},
	}
}

// OriginCA is the authority that signs Origin CA certificates, in PEM. No
// browser trusts it, and the lab's CA does not vouch for it.
func (s *Server) OriginCA() []byte { return s.origin.PEM() }

func (c *call) postCertificate() (any, error) {
	var body struct {
		Hostnames []string `json:"hostnames"`
		Type      string   `json:"request_type"`
		Days      int      `json:"requested_validity"`
		CSR       string   `json:"csr"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if body.Days == 0 {
		body.Days = 5475
	}
	if !slices.Contains([]int{7, 30, 90, 365, 730, 1095, 5475}, body.Days) {
		return nil, refuse(http.StatusBadRequest, 1100, "Failed to validate requested validity %d: must be one of 7, 30, 90, 365, 730, 1095, 5475", body.Days)
	}
	if err := c.mayHave(body.Hostnames); err != nil {
		return nil, err
	}
	csr, err := readCSR(body.CSR, body.Type)
	if err != nil {
		return nil, err
	}
	validity := time.Duration(body.Days) * 24 * time.Hour
	cert, err := c.srv.origin.Sign(csr.PublicKey, validity, body.Hostnames...)
	if err != nil {
		return nil, err
	}
	made := &Certificate{ID: newID(), PEM: string(cert), CSR: body.CSR, Hostnames: body.Hostnames, Type: body.Type, Days: body.Days,
		Expires: now().Add(validity)}
	c.srv.state.Certificates = append(c.srv.state.Certificates, made)
	return made, nil
}

// mayHave refuses names outside the zones that the token may edit. A token
// without the permission anywhere is not let in at all.
func (c *call) mayHave(names []string) error {
	if !slices.ContainsFunc(c.srv.state.Zones, func(z *zone) bool { return c.who.may(SSLEdit, z.Name, z.Account) }) {
		return denied()
	}
	if len(names) == 0 || len(names) > 100 {
		return refuse(http.StatusBadRequest, 1009, "Failed to validate requested hostnames: between 1 and 100 are needed")
	}
	for _, n := range names {
		host := strings.TrimPrefix(n, "*.")
		z := c.srv.zoneOf(host)
		if !validName(n) || z == nil || !c.who.may(SSLEdit, z.Name, z.Account) {
			return refuse(http.StatusBadRequest, 1010, "Failed to validate requested hostname %s: This zone is either not part of your account, "+
				"or you do not have access to it. Please contact support if using a multi-user organization.", n)
		}
	}
	return nil
}

func readCSR(text, kind string) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, refuse(http.StatusBadRequest, 1002, "Failed to parse the CSR")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, 1002, "Failed to parse the CSR: %s", err.Error())
	}
	_, isECDSA := csr.PublicKey.(*ecdsa.PublicKey)
	_, isRSA := csr.PublicKey.(*rsa.PublicKey)
	if kind == "origin-ecc" && isECDSA || kind == "origin-rsa" && isRSA {
		return csr, nil
	}
	return nil, refuse(http.StatusBadRequest, 1006, "Request type %s does not fit the key of the CSR", kind)
}

func (c *call) listCertificates() (any, error) {
	i := slices.IndexFunc(c.srv.state.Zones, func(z *zone) bool { return z.ID == c.query.Get("zone_id") })
	if i < 0 || !c.who.may(SSLRead, c.srv.state.Zones[i].Name, c.srv.state.Zones[i].Account) {
		return nil, denied()
	}
	z := c.srv.state.Zones[i]
	found := []*Certificate{}
	for _, cert := range c.srv.state.Certificates {
		mine := func(n string) bool { return inside(strings.TrimPrefix(n, "*."), z.Name) }
		if cert.Revoked == nil && slices.ContainsFunc(cert.Hostnames, mine) {
			found = append(found, cert)
		}
	}
	return cut(c, found, limits{20, 5, 50})
}

// certificate is that of the path.
func (c *call) certificate() (*Certificate, error) {
	i := slices.IndexFunc(c.srv.state.Certificates, func(o *Certificate) bool { return o.ID == c.vars["certificate"] })
	if i < 0 {
		return nil, refuse(http.StatusNotFound, 1101, "Failed to read certificate from Database")
	}
	return c.srv.state.Certificates[i], c.mayHave(c.srv.state.Certificates[i].Hostnames)
}

func (c *call) getCertificate() (any, error) { return c.certificate() }

func (c *call) deleteCertificate() (any, error) {
	cert, err := c.certificate()
	if err != nil {
		return nil, err
	}
	if cert.Revoked != nil {
		return nil, refuse(http.StatusBadRequest, 1014, "Certificate is already revoked")
	}
	at := now()
	cert.Revoked = &at
	return map[string]any{"id": cert.ID, "revoked_at": at}, nil
}
