package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Run plays the host's programs.
func (w *world) Run(ctx context.Context, c Command) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	words := strings.ReplaceAll(filepath.Base(c.Argv[0])+" "+strings.Join(c.Argv[1:], " "), w.root, "")
	fail := func(code int, stderr string) (string, error) {
		return "", &exitError{argv: c.Argv, code: code, stderr: stderr}
	}
	for part, complaint := range w.refuse {
		if strings.Contains(words, part) {
			return fail(1, complaint)
		}
	}
	if code, found := w.codes[words]; found {
		return fail(code, "")
	}
	if out, found := w.answer[words]; found {
		return out, nil
	}
	var out string
	var known bool
	var err error
	switch c.Argv[0] {
	case nft:
		out, known, err = w.nft(c)
	case systemctl:
		out, known, err = w.systemctl(c.Argv)
	case systemdRun:
		if w.timer != nil {
			return fail(1, "Unit k3sedge-rollback.timer already exists.")
		}
		w.timer, known = c.Argv, true
	case visudo:
		known = true
		if strings.Contains(c.Stdin, "broken") {
			err = &exitError{argv: c.Argv, code: 1, stderr: "stdin:1:1: syntax error"}
		}
	case sshd:
		out, known, err = w.sshd(c.Argv)
	case filepath.Join(w.root, agentFile):
		known, err = true, &exitError{argv: c.Argv, code: ExitUsage, stderr: usage}
		if w.noexec {
			err = syscall.EACCES
		}
	}
	if !known {
		return fail(127, "the world was not told what this does: "+words)
	}
	return out, err
}

func (w *world) nft(c Command) (string, bool, error) {
	words := strings.Join(c.Argv[1:], " ")
	if strings.HasSuffix(words, "-f -") && strings.Contains(c.Stdin, "broken") {
		return "", true, &exitError{argv: c.Argv, code: 1, stderr: "Error: syntax error, unexpected broken"}
	}
	switch words {
	case "list tables":
		out := "table ip nat\n"
		if w.table != "" {
			out += "table inet k3sedge\n"
		}
		return out, true, nil
	case "-s list table inet k3sedge":
		return w.table, true, nil
	case "-c -f -":
		return "", true, nil
	case "-f -":
		_, text, replaces := strings.Cut(c.Stdin, "delete table inet k3sedge\n")
		if !replaces {
			return "", true, &exitError{argv: c.Argv, code: 1, stderr: "this would add to the table"}
		}
		w.table = text
		return "", true, nil
	}
	return "", false, nil
}

func (w *world) systemctl(argv []string) (string, bool, error) {
	verb, name := argv[1], argv[len(argv)-1]
	switch verb {
	case "daemon-reload", "reset-failed":
		return "", true, nil
	case "list-jobs":
		return strings.Join(w.jobs, "\n"), true, nil
	case "cancel":
		w.jobs = nil
		return "", true, nil
	}
	if name == rollbackUnit+".timer" {
		return w.timerUnit(argv)
	}
	u, found := w.units[name]
	if verb == "show" && !found {
		return "LoadState=not-found\nUnitFileState=\nActiveState=inactive\n", true, nil
	}
	if !found {
		return "", true, &exitError{argv: argv, code: 5, stderr: "Unit " + name + " not loaded."}
	}
	switch verb {
	case "show":
		return fmt.Sprintf("LoadState=loaded\nUnitFileState=%s\nActiveState=%s\n", u.state, u.active), true, nil
	case "enable":
		u.state = "enabled"
		if argv[2] == "--now" {
			u.active = "active"
		}
	case "disable":
		u.state, u.active = "disabled", whereNow(argv, u.active)
	case "mask":
		u.state = "masked"
	case "unmask":
		u.state = "enabled" // the links of enablement stay under a mask
	case "stop":
		u.active = "inactive"
	case "start":
		u.active = "active"
	case "reload-or-restart":
		w.reloads, u.active = append(w.reloads, name), "active"
	case "try-reload-or-restart":
		w.reloads = append(w.reloads, name)
		return "", true, w.touchPIDFile()
	default:
		return "", false, nil
	}
	return "", true, nil
}

func whereNow(argv []string, active string) string {
	if argv[2] == "--now" {
		return "inactive"
	}
	return active
}

func (w *world) timerUnit(argv []string) (string, bool, error) {
	if w.timer == nil {
		return "", true, &exitError{argv: argv, code: 5, stderr: "Unit k3sedge-rollback.timer not loaded."}
	}
	if argv[1] == "stop" {
		w.timer = nil
	}
	return "active\n", argv[1] == "stop" || argv[1] == "is-active", nil
}

// usualSettings are what sshd -T always says.
const usualSettings = "port 22\nacceptenv LANG\nacceptenv LC_*\nauthorizedkeysfile .ssh/authorized_keys /keys/%u\n" +
	"hostkey /etc/ssh/ssh_host_ed25519_key\npidfile /run/sshd.pid\nmodulifile /etc/ssh/moduli\n"

// sshd refuses a configuration with the word "maybe", wherever it is included from.
func (w *world) sshd(argv []string) (string, bool, error) {
	main := filepath.Join(w.root, sshdConfig)
	if len(argv) == 4 && argv[2] == "-f" {
		main = argv[3]
	}
	switch argv[1] {
	case "-t":
		return "", true, w.readConfig(argv, main)
	case "-T":
		if argv[2] == "-f" {
			said, err := w.said(main)
			return usualSettings + said, true, err
		}
		spec, more := argv[len(argv)-1], ""
		w.specs = append(w.specs, spec)
		if w.settings != nil {
			more = w.settings(spec)
		}
		return usualSettings + more, true, nil
	}
	return "", false, nil
}

// touchPIDFile is what an sshd does that has read its files again.
func (w *world) touchPIDFile() error {
	p := filepath.Join(w.root, sshdPIDFile)
	info, err := os.Stat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chtimes(p, time.Time{}, info.ModTime().Add(time.Second))
}

// said is what a configuration says of algorithms, with what it includes.
func (w *world) said(name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		key, args := splitDirective(line)
		if slices.Contains([]string{"kexalgorithms", "ciphers", "macs"}, key) {
			fmt.Fprintln(&out, key, strings.Join(args, ","))
		}
		for _, arg := range args {
			if key != "include" {
				break
			}
			included, err := w.said(arg)
			if err != nil {
				return "", err
			}
			out.WriteString(included)
		}
	}
	return out.String(), nil
}

func (w *world) readConfig(argv []string, name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return &exitError{argv: argv, code: 255, stderr: name + ": No such file or directory"}
	}
	number := 0
	for line := range strings.Lines(string(b)) {
		number++
		if strings.Contains(line, "maybe") {
			return &exitError{argv: argv, code: 255, stderr: fmt.Sprintf("%s line %d: unsupported option \"maybe\".\n", name, number)}
		}
		key, args := splitDirective(line)
		if key != "include" {
			continue
		}
		for _, arg := range args {
			if strings.ContainsAny(arg, "*?") {
				continue // a real one is expanded before it comes here
			}
			if err := w.readConfig(argv, arg); err != nil {
				return err
			}
		}
	}
	return nil
}
