package look

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// maxAnswer is as much of an HTTP answer as is read, in bytes.
const maxAnswer = 64 << 10

// A TLS alert as a server sends it to somebody who speaks in the clear: the
// record's type and the first byte of its version.
const tlsAlert = "\x15\x03"

// maxInterim is how many answers of the kind "go on" are skipped.
const maxInterim = 5

// errNotHTTP is an answer that is no HTTP.
var errNotHTTP = errors.New("not an HTTP answer")

// wantsTLSPage is what the pages of Go, nginx, Apache and Tomcat say to somebody
// who speaks HTTP to a port for HTTPS.
var wantsTLSPage = regexp.MustCompile(`(?i)HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port|speaking plain HTTP to an SSL-enabled server port|combination of host and port requires TLS`)

// get asks for the path by hand: the agent is embedded twice, and net/http
// would be the largest part of it.
func (d Dial) get(conn net.Conn, a *DialAnswer) error {
	host, path := d.Host, d.Path
	if host == "" {
		host = d.Address
	}
	if path == "" {
		path = "/"
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: k3sedge\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	err := d.firstBytes(r)
	if err != nil {
		return err
	}
	if a.Status, a.Header, err = readHead(r); err != nil {
		return err
	}
	if a.Status == 400 && !d.TLS && wantsTLSPage.MatchReader(r) {
		return &failure{WantsTLS, errors.New("answered HTTP with a page that asks for HTTPS")}
	}
	return nil
}

// firstBytes waits for an answer and fails if it is none in HTTP's terms.
func (d Dial) firstBytes(r *bufio.Reader) error {
	first, err := r.Peek(len(tlsAlert))
	switch {
	case len(first) == 0 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return errSilent
	case len(first) == 0:
		return err
	case string(first) == tlsAlert && !d.TLS:
		return &failure{WantsTLS, errors.New("answered HTTP with a TLS alert")}
	}
	return nil
}

// readHead reads the status and the headers that are kept of the first final
// answer.
func readHead(r *bufio.Reader) (int, map[string]string, error) {
	for range maxInterim {
		status, err := readStatus(r)
		if err != nil {
			return 0, nil, err
		}
		header, err := readHeader(r)
		if err != nil {
			return 0, nil, err
		}
		if status >= 200 {
			return status, header, nil
		}
	}
	return 0, nil, &failure{NotHTTP, fmt.Errorf("%w: it never comes to an end", errNotHTTP)}
}

func readStatus(r *bufio.Reader) (int, error) {
	line, err := r.ReadString('\n')
	version, rest, _ := strings.Cut(line, " ")
	word, _, _ := strings.Cut(strings.TrimRight(rest, "\r\n"), " ")
	status, numberErr := strconv.Atoi(word)
	if strings.HasPrefix(version, "HTTP/1.") && err == nil && numberErr == nil && len(word) == 3 && status >= 100 {
		return status, nil
	}
	if err != nil && !errors.Is(err, io.EOF) && (line == "" || strings.HasPrefix(line, "HTTP/")) {
		return 0, err
	}
	return 0, &failure{NotHTTP, fmt.Errorf("%w: %.40q", errNotHTTP, line)}
}

// readHeader reads up to the empty line.
func readHeader(r *bufio.Reader) (map[string]string, error) {
	header := map[string]string{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("read the header: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return header, nil
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, &failure{NotHTTP, fmt.Errorf("%w: %.40q", errNotHTTP, line)}
		}
		for _, kept := range []string{"Audit-Id", "Location", "Content-Security-Policy", "Server", "Strict-Transport-Security", "X-Content-Type-Options"} {
			if !strings.EqualFold(key, kept) {
				continue
			}
			value = printable(strings.TrimSpace(value))
			if before, again := header[kept]; again {
				value = before + ", " + value
			}
			header[kept] = value
		}
	}
}
