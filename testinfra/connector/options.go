package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare/wire"
)

// options are what was asked for.
type options struct {
	metrics string
	edge    string
	config  string // of a locally managed tunnel
	creds   string
	tunnel  string // ID or name behind `run`
	token   wire.Token
}

// errToken is said to who shows a token to everybody.
var errToken = errors.New("a token in the arguments is readable by every user of the machine: set TUNNEL_TOKEN or TUNNEL_TOKEN_FILE")

// behindTunnel is what follows the command. The image's own entrypoint has a
// flag before it.
func behindTunnel(args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "--no-autoupdate" {
		args = args[1:]
	}
	if len(args) == 0 || args[0] != "tunnel" {
		return nil, fmt.Errorf("not taught: %s; only `tunnel … run`", strings.Join(args, " "))
	}
	return args[1:], nil
}

// parse reads the arguments and the environment.
func parse(args []string, env func(string) string) (options, error) {
	o := options{metrics: "127.0.0.1:20241", edge: net.JoinHostPort("region1.v2.argotunnel.com", wire.Port)}
	args, err := behindTunnel(args)
	if err != nil {
		return o, err
	}
	run := false
	for len(args) > 0 {
		var err error
		switch word := args[0]; {
		case word == "run" && !run:
			run, args = true, args[1:]
		case strings.HasPrefix(word, "--"):
			args, err = o.flag(args)
		case run && o.tunnel == "":
			o.tunnel, args = word, args[1:]
		default:
			err = fmt.Errorf("not taught: the word %s", word)
		}
		if err != nil {
			return o, err
		}
	}
	if !run {
		return o, errors.New("not taught: tunnel without `run`")
	}
	if o.config != "" {
		return o, nil
	}
	return o, o.findToken(env)
}

// flag takes one option from the arguments.
func (o *options) flag(args []string) (rest []string, err error) {
	name, value, has := strings.Cut(args[0], "=")
	rest = args[1:]
	if slices.Contains([]string{"--no-autoupdate", "--no-prechecks"}, name) {
		return rest, nil
	}
	if name == "--token" {
		return nil, errToken
	}
	if !has && len(rest) == 0 {
		return nil, fmt.Errorf("option %s has no value", name)
	}
	if !has {
		value, rest = rest[0], rest[1:]
	}
	switch name {
	case "--metrics":
		o.metrics = value
	case "--edge":
		o.edge = value
	case "--config":
		o.config = value
	case "--credentials-file", "--cred-file":
		o.creds = value
	case "--loglevel", "--protocol", "--retries", "--grace-period", "--edge-ip-version":
		// makes no difference here
	default:
		return nil, fmt.Errorf("not taught: option %s", name)
	}
	return rest, nil
}

// findToken reads the token of a remotely managed tunnel.
func (o *options) findToken(env func(string) string) (err error) {
	text := env("TUNNEL_TOKEN")
	if file := env("TUNNEL_TOKEN_FILE"); text == "" && file != "" {
		read, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read TUNNEL_TOKEN_FILE: %w", err)
		}
		text = strings.TrimSpace(string(read))
	}
	if text == "" {
		return errors.New("no token: set TUNNEL_TOKEN or TUNNEL_TOKEN_FILE, or give --config")
	}
	o.token, err = wire.ParseToken(text)
	return err
}
