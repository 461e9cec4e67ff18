package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ServerName is what the edge's certificate for connectors says.
const ServerName = "h2.cftunnel.com"

// Port is where the edge takes connectors.
const Port = "7844"

// ConfigHost is the host of the requests by which the edge tells a connector
// its configuration: PUT with a [Configuration].
const ConfigHost = "configuration.connector.invalid"

// Token says which tunnel to serve; its base64 of JSON is what the API gives out.
type Token struct {
	Account string `json:"a"`
	Tunnel  string `json:"t"`
	Secret  []byte `json:"s"` // base64 in JSON
}

// Encode gives the token as the API does.
func (t Token) Encode() string {
	text, _ := json.Marshal(t) // strings and bytes
	return base64.StdEncoding.EncodeToString(text)
}

// ParseToken reads what Encode gave.
func ParseToken(text string) (Token, error) {
	var t Token
	raw, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err == nil && (t.Account == "" || t.Tunnel == "" || len(t.Secret) == 0) {
		err = errors.New("account, tunnel or secret is missing")
	}
	if err != nil {
		return Token{}, fmt.Errorf("read tunnel token: %w", err)
	}
	return t, nil
}

// Hello is the connector's line.
type Hello struct {
	Token
	Connector string `json:"connector"` // the same for all its connections
	Version   string `json:"version"`
}

// Welcome is the edge's line.
type Welcome struct {
	// Refused says why not; the connector need not come back.
	Refused string `json:"refused,omitempty"`
	// Remote says that the edge tells the configuration.
	Remote bool `json:"remote"`
}

// Configuration is what the edge tells a connector.
type Configuration struct {
	Version int             `json:"version"`
	Config  json.RawMessage `json:"config"`
}

// lineMax is the longest line that is taken.
const lineMax = 4096

// Write sends a line.
func Write(w io.Writer, line any) error {
	text, err := json.Marshal(line)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("send line: %w", err)
	}
	return nil
}

// Read takes one line and no byte more: what follows is HTTP/2.
func Read(r io.Reader, into any) error {
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("read line: %w", err)
		}
		if b[0] == '\n' {
			break
		}
		if line = append(line, b[0]); len(line) > lineMax {
			return errors.New("read line: it is too long")
		}
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("read line: %w", err)
	}
	return nil
}
