package provision

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// APIError is an answer of Proxmox that is not a success.
type APIError struct {
	Method, Path string
	Status       int
	// Message is what Proxmox says: the reason in its status line, the
	// message in the body, and what it finds wrong with each parameter.
	Message string
}

// Error gives the request, the status and the message.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s %s: HTTP %d: %s", e.Method, e.Path, e.Status, e.Message)
}

// What Proxmox says in words only. Each expression is applied to a message of
// Proxmox, never to the text of an error of ours.
var (
	lockTimeoutText = regexp.MustCompile(`(?i)got timeout|can't lock file|unable to acquire .*lock`)
	takenText       = regexp.MustCompile(`(?i)already exists|config file already`)
	absentText      = regexp.MustCompile(`(?i)does not exist|no such|unknown storage|not found`)
	deniedText      = regexp.MustCompile(`Permission check failed(?: \(([^,)]+), ([^)]+)\))?`)
	checksumText    = regexp.MustCompile(`(?i)checksum`)
	protectedText   = regexp.MustCompile(`(?i)protection mode`)
	noSnapshotText  = regexp.MustCompile(`(?i)snapshot feature is not available`)
	fullText        = regexp.MustCompile(`(?i)no space left|insufficient free space|not enough (free )?space|out of space|quota exceeded`)
)

func apiErrorMatches(err error, text *regexp.Regexp) bool {
	var api *APIError
	return errors.As(err, &api) && text.MatchString(api.Message)
}

// isLockTimeout reports that a storage or VM was locked by somebody else, so
// that nothing was begun and the request can be sent again.
func isLockTimeout(err error) bool {
	var task *TaskError
	return apiErrorMatches(err, lockTimeoutText) || errors.As(err, &task) && lockTimeoutText.MatchString(task.Exit)
}

// isTaken reports that the VMID of a create or clone belongs to a VM already.
func isTaken(err error) bool {
	var task *TaskError
	return apiErrorMatches(err, takenText) || errors.As(err, &task) && takenText.MatchString(task.Exit)
}

// cannotSnapshot reports that a storage of the VM keeps no snapshots.
func cannotSnapshot(err error) bool {
	var task *TaskError
	return apiErrorMatches(err, noSnapshotText) || errors.As(err, &task) && noSnapshotText.MatchString(task.Exit)
}

// isAbsent reports that Proxmox knows no such VM, volume or storage.
func isAbsent(err error) bool {
	var api *APIError
	return errors.As(err, &api) && (api.Status == 404 || api.Status == 500 && absentText.MatchString(api.Message))
}

// newAPIError keeps the status line and the body, both of which carry the
// reason in some version of Proxmox.
func newAPIError(req *http.Request, res *http.Response, body []byte) *APIError {
	_, reason, _ := strings.Cut(res.Status, " ")
	var answer struct {
		Message string         `json:"message"`
		Errors  map[string]any `json:"errors"`
	}
	parts := []string{strings.TrimSpace(reason)}
	if json.Unmarshal(body, &answer) == nil {
		parts = append(parts, strings.TrimSpace(answer.Message))
		for _, name := range sortedKeys(answer.Errors) {
			parts = append(parts, fmt.Sprintf("%s: %v", name, answer.Errors[name]))
		}
	} else if len(body) > 0 {
		parts = append(parts, strings.TrimSpace(string(body[:min(len(body), 500)])))
	}
	parts = slices.DeleteFunc(slices.Compact(parts), func(s string) bool { return s == "" })
	return &APIError{Method: req.Method, Path: strings.TrimPrefix(req.URL.Path, "/api2/json"), Status: res.StatusCode, Message: strings.Join(parts, "; ")}
}

var errNoAnswer = errors.New("no answer in time")

// unreachable names why a server could not be asked.
func unreachable(address string, err error) error {
	state := machine.Lost
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		state = machine.Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), isNameError(err):
		state = machine.NoRoute
	case errors.Is(err, errNoAnswer), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		state = machine.Timeout
	}
	return &machine.UnreachableError{Address: address, State: state, Err: err}
}

// hasHint says whether somebody nearer to the cause has said what to do.
func hasHint(err error) bool {
	var h interface{ Hint() string }
	return errors.As(err, &h)
}

func isNameError(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns)
}

// explain adds to an error of the transport what the user can do about it.
func explain(p inventory.Proxmox, err error) error {
	var api *APIError
	var pin *PinError
	var certificate *tls.CertificateVerificationError
	var name x509.HostnameError
	switch {
	case errors.As(err, &pin):
		return machine.WithHint(pin, "compare with `pvenode cert info` on the Proxmox host; if the key was renewed, put the pin that `k3sedge init --proxmox %s` shows into provider.proxmox.tlsPin", p.Endpoint)
	case errors.As(err, &name):
		return machine.WithHint(err, "provider.proxmox.endpoint must use a name of the certificate; or use provider.proxmox.tlsPin instead of caFile")
	case errors.As(err, &certificate):
		return machine.WithHint(err, "provider.proxmox.caFile must hold the CA of the server: /etc/pve/pve-root-ca.pem of the Proxmox host")
	case errors.As(err, &api):
		return explainAPI(p, api)
	case machine.StateOf(err) != "":
		return machine.WithHint(fmt.Errorf("reach Proxmox at %w", err), "is Proxmox up, and is provider.proxmox.endpoint right? %s; run the same command again to go on", p.Endpoint)
	}
	return err
}

func explainAPI(p inventory.Proxmox, e *APIError) error {
	switch {
	case e.Status == 401:
		return machine.WithHint(e, "Proxmox does not accept provider.proxmox.token: compare its id %q with `pveum user token list`, and its secret; a token's secret is shown only once, when it is made", p.Token.ID)
	case e.Status == 403:
		return machine.WithHint(e, "%s", deniedHint(p, e.Message))
	case e.Status == 595 || e.Status == 596:
		return machine.WithHint(e, "Proxmox could not pass the request on to its node: is provider.proxmox.node %q right, and is that node up?", p.Node)
	case lockTimeoutText.MatchString(e.Message):
		return machine.WithHint(e, "another task holds the lock; wait for it to end (Proxmox: Datacenter, Tasks), then run the same command again")
	case fullText.MatchString(e.Message):
		return machine.WithHint(e, "make room on the storage, or name another under provider.proxmox.storage")
	}
	return e
}

// deniedHint turns "Permission check failed (/vms/9000, VM.Clone)" into the
// line that grants it.
func deniedHint(p inventory.Proxmox, message string) string {
	m := deniedText.FindStringSubmatch(message)
	if m == nil || m[1] == "" {
		return "give the token the rights that README lists, or run k3sedge up --plan to see which are missing"
	}
	privileges := strings.FieldsFunc(m[2], func(r rune) bool { return r == '|' || r == ',' || r == ' ' })
	path := grantPath(p, m[1])
	return fmt.Sprintf("the token lacks %s on %s; on the Proxmox host: %s", strings.Join(privileges, " or "), m[1],
		strings.Join(grantLines(p, grant{path: path, role: "K3sEdgeExtra", privileges: privileges[:1]}), " && "))
}

// grantPath names the place where a right on one VM is given: that of all of
// them. A role on the VM itself would take away what it has from above.
func grantPath(p inventory.Proxmox, denied string) string {
	switch {
	case !strings.HasPrefix(denied, "/vms/"), denied == fmt.Sprintf("/vms/%d", p.Template):
		return denied
	case p.Pool != "":
		return "/pool/" + p.Pool
	}
	return "/vms"
}
