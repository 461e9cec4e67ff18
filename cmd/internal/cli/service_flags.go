package cli

import (
	"fmt"
	"net/netip"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/inventory"
)

// serviceFlags describe a service; each is a key of its file.
func serviceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "host", Usage: "the `NAME` under which it is reached, such as git.example.org"},
		&cli.StringSliceFlag{Name: "to", Usage: "`ADDRESS:PORT` of a server; several take turns"},
		choiceFlag("expose", "`WHO` may reach it", string(inventory.ExposeLAN), string(inventory.ExposePublic)),
		choiceFlag("scheme", "what the servers `SPEAK`", string(inventory.SchemeHTTP), string(inventory.SchemeHTTPS)),
		switchFlag("passthrough", "hand connections over unopened, chosen by the name that clients ask for: the servers end TLS themselves"),
		&cli.StringFlag{Name: "ca", Usage: "`FILE` with the authority of the servers' certificates, for --scheme https"},
		&cli.StringFlag{Name: "server-name", Usage: "`NAME` in the servers' certificates, if it is not that of --host"},
		switchFlag("insecure-backend", "take any certificate from the servers"),
		choiceFlag("preset", "headers and limits for a kind of application, the `PRESET`",
			string(inventory.PresetWeb), string(inventory.PresetAPI), string(inventory.PresetMedia), string(inventory.PresetUpload), string(inventory.PresetStrict)),
		&cli.StringFlag{Name: "rate-limit", Usage: "`LIMIT` for each client, such as 100/s:200 (average and burst), or off"},
		&cli.StringSliceFlag{Name: "allow", Usage: "`CIDR` of clients that may come, and no others; may be repeated"},
		&cli.StringFlag{Name: "basic-auth", Usage: "where the lines of htpasswd stand: `REF` is env:NAME, file:PATH or cmd:COMMAND"},
		&cli.StringFlag{Name: "hsts", Usage: "`TIME` of Strict-Transport-Security, such as 24h, or off"},
		switchFlag("hsts-preload", "ask browsers to keep the host in their own lists; hard to take back"),
		&cli.StringFlag{Name: "csp", Usage: "Content-Security-`POLICY`; replaces the application's own"},
		switchFlag("csp-report-only", "only report what the policy would block"),
		&cli.StringFlag{Name: "permissions-policy", Usage: "`VALUE` of Permissions-Policy, such as camera=(), or off"},
		&cli.StringFlag{Name: "referrer-policy", Usage: "`VALUE` of Referrer-Policy, or off"},
		&cli.StringFlag{Name: "frame", Usage: "who may show it in a frame: `WHO` is deny, sameorigin or off"},
		&cli.StringSliceFlag{Name: "middleware", Usage: "one more that is in the cluster, as `NAMESPACE-NAME`@kubernetescrd"},
	}
}

// serviceOf is the service that the flags describe. What was not said stays
// empty, so that the file holds only what the user decided.
func serviceOf(c *cli.Context, name string) (inventory.Service, error) {
	s := inventory.Service{
		APIVersion: inventory.APIVersion, Kind: "Service", Name: name,
		Host: c.String("host"), To: c.StringSlice("to"), Passthrough: c.Bool("passthrough"), RateLimit: inventory.RateLimit(c.String("rate-limit")),
		Middlewares: c.StringSlice("middleware"), Headers: headersOf(c), TLS: backendTLSOf(c),
	}
	if c.IsSet("expose") {
		s.Expose = inventory.Expose(c.String("expose"))
	}
	if c.IsSet("scheme") {
		s.Scheme = inventory.Scheme(c.String("scheme"))
	}
	if c.IsSet("preset") {
		s.Preset = inventory.Preset(c.String("preset"))
	}
	if ref := c.String("basic-auth"); ref != "" {
		s.BasicAuth = &inventory.BasicAuth{Users: inventory.SecretRef(ref)}
	}
	for _, text := range c.StringSlice("allow") {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return s, usagef("write a network such as 10.0.0.0/24, or 10.0.0.7/32 for one address", "--allow: %w", err)
		}
		s.Allow = append(s.Allow, network)
	}
	return s, nil
}

func backendTLSOf(c *cli.Context) *inventory.BackendTLS {
	if !c.IsSet("ca") && !c.IsSet("server-name") && !c.Bool("insecure-backend") {
		return nil
	}
	t := &inventory.BackendTLS{ServerName: c.String("server-name"), Insecure: c.Bool("insecure-backend")}
	if path := c.String("ca"); path != "" {
		t.CA = fmt.Sprintf("file:%s", path)
	}
	return t
}

func headersOf(c *cli.Context) *inventory.Headers {
	h := inventory.Headers{
		HSTS: c.String("hsts"), HSTSPreload: c.Bool("hsts-preload"), CSP: c.String("csp"), CSPReportOnly: c.Bool("csp-report-only"),
		PermissionsPolicy: c.String("permissions-policy"), ReferrerPolicy: c.String("referrer-policy"), Frame: c.String("frame"),
	}
	if h == (inventory.Headers{}) {
		return nil
	}
	return &h
}
