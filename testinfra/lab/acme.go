//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// AcmeDirectory is where the lab's ACME server begins; AcmeRoots is where it
// tells the roots of the certificates that it signs.
const (
	AcmeDirectory = "https://" + AcmeHost + ":14000/dir"
	AcmeRoots     = "https://" + AcmeHost + ":15000/roots/0"
)

// acmeProgram is the ACME server's name in a bundle.
const acmeProgram = "pebble"

// acmeConfig is Pebble's file. Its profiles are those that it is sent out with,
// and one whose certificates can be seen to grow old.
func (l *Lab) acmeConfig() ([]byte, error) {
	profile := func(about string, seconds int) map[string]any {
		return map[string]any{"description": about, "validityPeriod": seconds}
	}
	return json.MarshalIndent(map[string]any{"pebble": map[string]any{
		"listenAddress": net.JoinHostPort(AcmeIP, "14000"), "managementListenAddress": net.JoinHostPort(AcmeIP, "15000"),
		"certificate": filepath.Join(l.state, acmeFile), "privateKey": filepath.Join(l.state, acmeKeyFile),
		"httpPort": 80, "tlsPort": 443, "keyAlgorithm": "ecdsa", "retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles": map[string]any{
			"default":    profile("as usual", 90*24*3600),
			"shortlived": profile("six days", 6*24*3600),
			"minutes":    profile("for watching a renewal", 3*60),
		},
	}}, "", "  ")
}

// acme is the ACME server of the bundle, nil if it has none. It resolves
// through the name server of Cloudflare's stand-in.
func (l *Lab) acme() (service, error) {
	program := filepath.Join(l.bundle, acmeProgram)
	if _, err := os.Stat(program); l.bundle == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	text, err := l.acmeConfig()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(l.state, "pebble.json")
	if err := writeFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		// The kernel watches the thread that starts a child, not the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		log, err := os.OpenFile(filepath.Join(l.state, "pebble.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("open the ACME server's log: %w", err)
		}
		defer log.Close()
		cmd := exec.CommandContext(ctx, program, "-config", file, "-dnsserver", net.JoinHostPort(CloudflareIP, "53"))
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Env = append(cmd.Environ(), "PEBBLE_VA_NOSLEEP=1") // what else is set for it stays
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		err = cmd.Run()
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("the ACME server ended, its log is %s: %w", log.Name(), errors.Join(err, errEnded))
	}, nil
}

var errEnded = errors.New("it was to go on")
