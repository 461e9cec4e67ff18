package inventory

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// comments are those of the file that Init writes, by path of the field. One
// that begins with a line break goes above its key, the others behind it.
func comments(c Cluster) map[string]string {
	out := map[string]string{
		"id":                   "marks the VMs of this cluster; a VM without it is never touched",
		"provider":             "\nWhere the machines come from: proxmox or existing.",
		"network":              "\nThe LAN of the nodes. For IPv6 beside IPv4: ipv6: {cidr: fd00:1::/64}, address6 at each node,\nand k3s.ipv6: {} if pods are to have it too.",
		"ssh":                  "\nHow the nodes are reached, and by whom.",
		"ssh.user":             "the admin on the nodes; root and passwords cannot log in",
		"ssh.identities":       "\nYour private keys. With agent: true, those in your SSH agent are offered too;\npassphrase: cmd:COMMAND opens an encrypted key, otherwise it is asked for.",
		"ssh.authorizedKeys":   "\nThe public keys that may log in, written out or as file:PATH. All others are refused.",
		"ssh.allowFrom":        "\nWhere logins may come from. The machine that runs k3sedge must be inside.",
		"nodes":                "\nOne server, or three; any number of agents.",
		"nodes[0].role":        "server or agent",
		"k3s":                  "\nThe K3s of the nodes. Without k3s and edge they are made and hardened, no more.",
		"k3s.version":          "one release; k3sedge up never takes another by itself",
		"k3s.podCIDR":          "\nThe cluster's own networks; nothing in your LAN may use them. They cannot be changed later.",
		"edge":                 "\nThe way in from the internet. lan: none. tunnel: cloudflared dials out.\nportforward: your router forwards 80 and 443, with Cloudflare in front.",
		"edge.rateLimit":       "for each client: average per s, m or h, and burst",
		"edge.tunnelRateLimit": "the same for visitors through the tunnel",
		"hardening":            "\nWhat is demanded of the nodes; k3sedge harden controls lists it. What need not hold for a while\nhas a reason, an owner and a last day, and stands in every report:\nwaivers:\n  - {id: SSH-13, node: \"*\", reason: tunnels for the backup, owner: ops, expires: 2027-01-31}",
		"hardening.profile":    "baseline, or strict for what costs something in daily work too",
	}
	if c.Edge != nil && c.Edge.Cloudflare != nil {
		for path, text := range map[string]string{
			"cloudflare":          "\nWhere names are kept. The token needs Zone:Read and DNS:Edit for the zones, and\nfor a tunnel Cloudflare Tunnel:Edit for the account.",
			"cloudflare.zones":    "records are made in these only; hosts of services lie in them",
			"certificates":        "\nWho signs for the services. staging tries everything with certificates that nobody trusts.",
			"certificates.issuer": "production or staging (Let's Encrypt), acme with a directory, origin with portforward",
		} {
			out["edge."+path] = text
		}
	} else {
		out["edge"] += "\nFor names and certificates of services: cloudflare: {token: env:K3SEDGE_CF_TOKEN, zones: [example.org]}\nand certificates: {}."
	}
	if c.Provider.Existing != nil {
		out["provider.existing"] = "Debian machines that are already there, with ssh.user and sudo; their addresses are below"
		return out
	}
	const p = "provider.proxmox."
	for path, text := range map[string]string{
		"tlsPin":         "of the server's public key; compare it before you trust it",
		"caFile":         "/etc/pve/pve-root-ca.pem of the Proxmox host",
		"token":          "\nAn API token with its own privileges. k3sedge up names each one that is missing.",
		"token.secret":   "where the secret is kept",
		"node":           "name of the Proxmox host",
		"vmids":          "VMs get their numbers from this range",
		"storage":        "\nStorages for disks, for the image (content import) and for the seed ISO (content iso).",
		"image":          "\nA cloud image that Proxmox downloads itself. Name a dated folder, never latest,\nand the checksum from the file SHA512SUMS beside it (https://cloud.debian.org/images/cloud/bookworm/).",
		"image.checksum": "sha512: and the digits",
		"template":       "VMID of the template that is cloned",
		"pool":           "the token needs its privileges on this pool only",
	} {
		out[p+path] = text
	}
	return out
}

// annotate puts a comment to the field at path; where there is no such field,
// there is nothing to say.
func annotate(root *yaml.Node, path, text string) {
	key, value := find(root, path)
	if key == nil {
		return
	}
	if above, ok := strings.CutPrefix(text, "\n"); ok {
		key.HeadComment = above
		return
	}
	if value.Kind == yaml.ScalarNode || len(value.Content) == 0 {
		value.LineComment = text
		return
	}
	key.LineComment = text
}

// find returns key and value of the field at path.
func find(node *yaml.Node, path string) (key, value *yaml.Node) {
	value = node
	for part := range strings.SplitSeq(strings.ReplaceAll(path, "[0]", ".[0]"), ".") {
		if part == "[0]" && len(value.Content) > 0 {
			value = value.Content[0]
			continue
		}
		key, value = child(value, part)
		if key == nil {
			return nil, nil
		}
	}
	return key, value
}

func child(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}
