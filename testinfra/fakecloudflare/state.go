package fakecloudflare

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/k3sedge/k3sedge/testinfra/ca"
)

// state is all that outlives the process.
type state struct {
	Zones        []*zone        `json:"zones"`
	Records      []*Record      `json:"records"`
	Tunnels      []*Tunnel      `json:"tunnels"`
	Certificates []*Certificate `json:"certificates"`
	// The authority behind Origin CA certificates, in PEM.
	OriginCert, OriginKey string
}

// load takes up what an earlier stand-in left, and the zones of the options.
func (s *Server) load(text []byte) error {
	if text != nil {
		if err := json.Unmarshal(text, &s.state); err != nil {
			return fmt.Errorf("read fakecloudflare's state: %w", err)
		}
	}
	for _, z := range s.opts.Zones {
		if s.zoneByName(z.Name) == nil {
			s.state.Zones = append(s.state.Zones, newZone(z))
		}
	}
	if s.state.OriginCert != "" {
		var err error
		s.origin, err = ca.Parse([]byte(s.state.OriginCert), []byte(s.state.OriginKey))
		return err
	}
	origin, err := ca.New("CloudFlare Origin Certificate Authority (stand-in)")
	if err != nil {
		return err
	}
	cert, key, err := origin.Encode()
	if err != nil {
		return err
	}
	s.origin, s.state.OriginCert, s.state.OriginKey = origin, string(cert), string(key)
	return s.save()
}

// save hands the state out; the caller holds the mutex, or is the only one yet.
func (s *Server) save() error {
	if s.opts.Save == nil {
		return nil
	}
	text, err := json.MarshalIndent(&s.state, "", " ")
	if err != nil {
		return fmt.Errorf("encode fakecloudflare's state: %w", err)
	}
	if err := s.opts.Save(text); err != nil {
		return fmt.Errorf("save fakecloudflare's state: %w", err)
	}
	return nil
}

// change runs a function on the state and saves it.
func (s *Server) change(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(); err != nil {
		return err
	}
	return s.save()
}

// newID is an ID as Cloudflare gives them out.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// newUUID is the ID of a tunnel or connector.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// hexOf is an ID that is the same for the same text.
func hexOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
