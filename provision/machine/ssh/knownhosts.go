package ssh

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	xssh "golang.org/x/crypto/ssh"
)

var (
	// errPinLine is a line of the pins file that we would not have written; final.
	errPinLine = errors.New("not a line of pinned keys")
	// errPinName is a name that OpenSSH would read as a pattern; final.
	errPinName = errors.New("not a plain host name or address")
)

// pinName is a name or address, as a known_hosts file has it: no pattern, no
// negation, no hash.
var pinName = regexp.MustCompile(`^(?:[A-Za-z0-9_.:%-]+|\[[A-Za-z0-9_.:%-]+\]:[0-9]{1,5})$`)

// pin is one line of the file: a key for one or more names, or, with no
// names, a comment that is kept as it is.
type pin struct {
	names   []string
	key     string
	comment string
}

// parsePins reads a known_hosts file of plain names.
func parsePins(data []byte) ([]pin, error) {
	var pins []pin
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for n := 1; lines.Scan(); n++ {
		p, err := parsePin(strings.TrimSpace(lines.Text()))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		pins = append(pins, p)
	}
	return pins, lines.Err()
}

func parsePin(line string) (pin, error) {
	if line == "" || strings.HasPrefix(line, "#") {
		return pin{comment: line}, nil
	}
	marker, names, key, _, rest, err := xssh.ParseKnownHosts([]byte(line))
	if err != nil {
		return pin{}, fmt.Errorf("%w: %w", errPinLine, err)
	}
	if marker != "" || len(rest) > 0 {
		return pin{}, errPinLine
	}
	if _, ok := key.(*xssh.Certificate); ok {
		return pin{}, errCertificate
	}
	for _, name := range names {
		if !pinName.MatchString(name) {
			return pin{}, fmt.Errorf("%q: %w", name, errPinName)
		}
	}
	return pin{names: names, key: keyLine(key)}, nil
}

func formatPins(pins []pin) []byte {
	var b bytes.Buffer
	for _, p := range pins {
		if len(p.names) == 0 {
			fmt.Fprintln(&b, p.comment)
			continue
		}
		fmt.Fprintln(&b, strings.Join(p.names, ","), p.key)
	}
	return b.Bytes()
}

// addressName is how a known_hosts file names host:port: the bare host for
// port 22, and [host]:port for others.
func addressName(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if port == "22" {
		return host
	}
	return "[" + host + "]:" + port
}
