package look

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"regexp"
	"strings"
)

// ErrRequest is a request that cannot be answered as it stands.
var ErrRequest = errors.New("bad request")

// maxRequest is the largest request that is read, in bytes.
const maxRequest = 16 << 20

// maxMillis is the longest that a Dial may take.
const maxMillis = 60_000

// unitName is a name that systemctl takes for itself and not for a pattern.
var unitName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@:-]*\.(service|socket|path|timer|target|mount)$`)

// Main is the agent's side: it reads a request from in and writes the answer to
// out. A request that it does not understand is an ErrRequest.
func Main(ctx context.Context, in io.Reader, out io.Writer) error {
	var r Request
	d := json.NewDecoder(io.LimitReader(in, maxRequest))
	d.DisallowUnknownFields() // what this agent does not know could be what matters
	if err := d.Decode(&r); err != nil {
		return fmt.Errorf("%w: read standard input: %w", ErrRequest, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one document on standard input", ErrRequest)
	}
	if err := r.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return json.NewEncoder(out).Encode(Here(ctx, r))
}

// Check finds what no look could answer: both sides refuse it.
func (r Request) Check() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	isPath := func(p string) bool { return path.IsAbs(p) && path.Clean(p) == p && !strings.ContainsRune(p, 0) }
	for _, f := range r.Files {
		refuse(!isPath(f.Path), "file %q: not a clean absolute path", f.Path)
	}
	for _, s := range r.Spaces {
		refuse(!isPath(s), "folder %q: not a clean absolute path", s)
	}
	for _, name := range append(append([]string{}, r.Units...), r.Journals...) {
		refuse(!unitName.MatchString(name), "unit %q: not the full name of one unit", name)
	}
	for _, d := range r.Dials {
		errs = append(errs, d.check())
	}
	return errors.Join(errs...)
}

func (d Dial) check() error {
	_, port, err := net.SplitHostPort(d.Address)
	switch {
	case err != nil || port == "":
		return fmt.Errorf("dial %q: not an address and a port", d.Address)
	case d.Source != "" && net.ParseIP(d.Source) == nil:
		return fmt.Errorf("dial %s: source %q is not an address", d.Address, d.Source)
	case d.Millis < 1 || d.Millis > maxMillis:
		return fmt.Errorf("dial %s: %d milliseconds, not 1 to %d", d.Address, d.Millis, maxMillis)
	case len(d.CA) > 0 && !x509.NewCertPool().AppendCertsFromPEM(d.CA):
		return fmt.Errorf("dial %s: no certificate in ca", d.Address)
	case strings.ContainsAny(d.Host+d.Path, " \t\r\n") || d.Path != "" && d.Path[0] != '/':
		return fmt.Errorf("dial %s: host %q or path %q cannot be asked for", d.Address, d.Host, d.Path)
	}
	return nil
}
