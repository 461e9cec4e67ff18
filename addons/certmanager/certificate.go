package certmanager

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/addons/object"
)

// condition is what cert-manager says of an object, and of which state of it.
type condition struct {
	Type, Status, Reason, Message string
	ObservedGeneration            int64
}

// current reports whether it is about the object as it is now.
func (c condition) current(generation int64) bool { return c.ObservedGeneration >= generation }

// Certificate is how a Certificate stands.
type Certificate struct {
	Namespace, Name, Issuer string
	// Ready says that the Secret has what the Certificate asks for. It may
	// have expired soon, or be about to be renewed.
	Ready   bool
	Message string // why it is not ready
	// Failed is why the last attempt was in vain; cert-manager makes the next
	// one in an hour, then in twice the time.
	Failed   string
	Attempts int

	NotAfter, Renewal time.Time

	generation int64
}

// ReadCertificate reads a Certificate as the API has it.
func ReadCertificate(raw []byte) (Certificate, error) {
	var doc struct {
		Metadata struct {
			Namespace, Name string
			Generation      int64
		}
		Spec struct {
			IssuerRef object.IssuerRef
		}
		Status struct {
			Conditions             []condition
			NotAfter               time.Time
			RenewalTime            time.Time
			FailedIssuanceAttempts int
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return Certificate{}, fmt.Errorf("read a Certificate: %w", err)
	}
	c := Certificate{
		Namespace: doc.Metadata.Namespace, Name: doc.Metadata.Name, Issuer: doc.Spec.IssuerRef.Name, generation: doc.Metadata.Generation,
		Attempts: doc.Status.FailedIssuanceAttempts, NotAfter: doc.Status.NotAfter, Renewal: doc.Status.RenewalTime,
		Message: "cert-manager has not looked at it yet",
	}
	for _, is := range doc.Status.Conditions {
		switch {
		case is.Type == "Ready" && is.current(c.generation):
			c.Ready, c.Message = is.Status == "True", is.Message
		case is.Type == "Issuing" && is.Status == "False":
			c.Failed = is.Message
		}
	}
	return c, nil
}

// Trouble is what the user should know of a certificate that is ready: that it
// has expired, or is not renewed in time. It is "" where all is well.
func (c Certificate) Trouble(now time.Time) string {
	left := c.NotAfter.Sub(now).Round(time.Minute)
	const late = 10 // a tenth of the time that renewing may take
	switch {
	case !c.Ready || c.NotAfter.IsZero():
		return ""
	case left <= 0:
		return fmt.Sprintf("expired at %s", c.NotAfter.UTC().Format(time.RFC3339)) + c.tries()
	case c.Renewal.IsZero() || !now.After(c.Renewal.Add(c.NotAfter.Sub(c.Renewal)/late)):
		return ""
	}
	return fmt.Sprintf("was to be renewed at %s and expires in %s", c.Renewal.UTC().Format(time.RFC3339), left) + c.tries()
}

func (c Certificate) tries() string {
	if c.Attempts == 0 {
		return ""
	}
	return fmt.Sprintf("; %d attempts in vain, the last: %s", c.Attempts, c.Failed)
}
