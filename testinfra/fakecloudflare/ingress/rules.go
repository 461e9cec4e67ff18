package ingress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Config is a tunnel's configuration.
type Config struct {
	Ingress       []Rule         `json:"ingress"`
	OriginRequest map[string]any `json:"originRequest,omitempty"`
	WarpRouting   map[string]any `json:"warp-routing,omitempty"`
}

// Rule sends the requests for a host and a path to a service.
type Rule struct {
	Hostname      string         `json:"hostname,omitempty"`
	Path          string         `json:"path,omitempty"` // a regular expression
	Service       string         `json:"service"`
	OriginRequest map[string]any `json:"originRequest,omitempty"`
}

// Parse reads a configuration in JSON and refuses what Cloudflare refuses.
func Parse(text []byte) (Config, error) {
	var c Config
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("read the tunnel's configuration: %w", err)
	}
	return c, c.Validate()
}

// words is a message of cloudflared, which has its own rules for capitals.
type words string

// Error is the message as it is.
func (w words) Error() string { return string(w) }

func refuse(format string, args ...any) error { return words(fmt.Sprintf(format, args...)) }

// Validate refuses what Cloudflare refuses.
func (c Config) Validate() error {
	if len(c.Ingress) == 0 {
		return refuse("The config file doesn't contain any ingress rules")
	}
	if err := origin(c.OriginRequest); err != nil {
		return err
	}
	for i, r := range c.Ingress {
		if err := r.validate(i, i == len(c.Ingress)-1); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) validate(i int, last bool) error {
	switch host := r.Hostname; {
	case strings.Contains(host, ":"):
		return refuse("Hostname cannot contain a port")
	case strings.LastIndex(host, "*") > 0 || (strings.HasPrefix(host, "*") && host != "*" && !strings.HasPrefix(host, "*.")):
		return refuse(`Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com"`)
	case last && !r.catchesAll():
		return refuse("The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)")
	case !last && r.catchesAll():
		return refuse("Rule #%d is matching the hostname '%s', but this will match every hostname, meaning the rules which follow it will never be triggered.", i+1, host)
	}
	if _, err := regexp.Compile(r.Path); err != nil {
		return refuse("Rule #%d has an invalid regex: %s", i+1, err)
	}
	if err := r.service(); err != nil {
		return err
	}
	return origin(r.OriginRequest)
}

func (r Rule) catchesAll() bool { return (r.Hostname == "" || r.Hostname == "*") && r.Path == "" }

// service checks where a rule leads.
func (r Rule) service() error {
	switch {
	case strings.HasPrefix(r.Service, "unix:") || r.Service == "hello_world" || r.Service == "bastion":
		return nil
	case strings.HasPrefix(r.Service, statusPrefix):
		_, err := r.Status()
		return err
	}
	return address(r.Service)
}

const statusPrefix = "http_status:"

// Status is what a rule answers by itself, 0 if it leads somewhere.
func (r Rule) Status() (int, error) {
	text, ok := strings.CutPrefix(r.Service, statusPrefix)
	if !ok {
		return 0, nil
	}
	code, err := strconv.Atoi(text)
	if err != nil || code < 100 || code > 999 {
		return 0, refuse("Invalid HTTP status code %s, the value must be between 100-999", text)
	}
	return code, nil
}

// address checks the service of a rule that leads somewhere.
func address(service string) error {
	u, err := url.Parse(service)
	switch {
	case err != nil || u.Scheme == "" || u.Hostname() == "":
		return refuse("%s is an invalid address, please make sure it has a scheme and a hostname", service)
	case u.Path != "":
		return refuse("%s is an invalid address, ingress rules don't support proxying to a different path on the origin service. "+
			"The path will be the same as the eyeball request's path", service)
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss", "tcp", "ssh", "rdp", "smb":
		return nil
	}
	return refuse("%s is an invalid address, unsupported scheme %s", service, u.Scheme)
}

// origin checks the names and the durations of an originRequest, which are
// whole seconds in the API.
func origin(o map[string]any) error {
	for name, value := range o {
		switch name {
		case "connectTimeout", "tlsTimeout", "tcpKeepAlive", "keepAliveTimeout", "keepAliveConnections", "proxyPort":
			if n, ok := value.(float64); !ok || n != float64(int64(n)) {
				return refuse("originRequest.%s must be an integer", name)
			}
		case "noHappyEyeballs", "matchSNItoHost", "noTLSVerify", "disableChunkedEncoding", "bastionMode", "http2Origin":
			if _, ok := value.(bool); !ok {
				return refuse("originRequest.%s must be a boolean", name)
			}
		case "httpHostHeader", "originServerName", "caPool", "proxyAddress", "proxyType":
			if _, ok := value.(string); !ok {
				return refuse("originRequest.%s must be a string", name)
			}
		case "access", "ipRules":
		default:
			return refuse("originRequest.%s is not known", name)
		}
	}
	return nil
}

// ErrNoRule says that no rule fits; a validated configuration has one for all.
var ErrNoRule = errors.New("no ingress rule fits")

// Match finds the first rule for a request.
func (c Config) Match(r *http.Request) (Rule, error) {
	host, _, _ := strings.Cut(strings.ToLower(r.Host), ":")
	for _, rule := range c.Ingress {
		if !rule.takes(host) {
			continue
		}
		path, err := regexp.Compile(rule.Path)
		if err != nil {
			return Rule{}, fmt.Errorf("match path of %s: %w", rule.Hostname, err)
		}
		if path.MatchString(r.URL.Path) {
			return rule, nil
		}
	}
	return Rule{}, ErrNoRule
}

func (r Rule) takes(host string) bool {
	want := strings.ToLower(r.Hostname)
	if suffix, ok := strings.CutPrefix(want, "*"); ok {
		return strings.HasSuffix(host, suffix)
	}
	return want == "" || want == host
}
