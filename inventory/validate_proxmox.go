package inventory

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	minVMID = 100
	maxVMID = 999999999
)

// The forms are those of Proxmox' own checks (pve-common, pve-access-control).
var (
	tokenForm    = regexp.MustCompile(`^[^\s:/@!=]+@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+$`)
	storageForm  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]$`)
	poolForm     = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}$`)
	bridgeForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,14}$`)
	pveNodeForm  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	checksumForm = regexp.MustCompile(`^(sha256:[0-9a-fA-F]{64}|sha512:[0-9a-fA-F]{128})$`)
)

func validateProvider(c Cluster, f *findings) {
	p := c.Provider
	const hint = "under provider, write either proxmox: with its settings or existing: {}"
	if !f.require(p.Proxmox != nil || p.Existing != nil, "provider", hint) {
		return
	}
	f.check(p.Proxmox == nil || p.Existing == nil, "provider", "proxmox and existing exclude each other", "keep one of the two")
	if p.Proxmox != nil {
		validateProxmox(*p.Proxmox, len(c.Nodes), f)
	}
}

func validateProxmox(p Proxmox, nodes int, f *findings) {
	const path = "provider.proxmox"
	validateEndpoint(f, path+".endpoint", p.Endpoint)
	validateTrust(p, f)
	validateToken(p.Token, f)
	if f.require(p.Node != "", path+".node", "name the Proxmox host as its web page does, such as pve") {
		f.check(pveNodeForm.MatchString(p.Node), path+".node", "not the name of a Proxmox host", "write the host name alone, such as pve")
	}
	f.check(p.Pool == "" || poolForm.MatchString(p.Pool), path+".pool", "not the name of a pool", "use letters, digits and ._-")
	f.check(bridgeForm.MatchString(p.Bridge), path+".bridge", "not the name of a bridge", "it is one like vmbr0")
	f.check(p.VLAN >= 0 && p.VLAN <= 4094, path+".vlan", "not a VLAN", "tags go from 1 to 4094; leave it out for none")
	for key, storage := range map[string]string{"disks": p.Storage.Disks, "image": p.Storage.Image, "iso": p.Storage.ISO} {
		f.check(storageForm.MatchString(storage), path+".storage."+key, "not the name of a storage", "pvesm status lists them on the Proxmox host")
	}
	validateVMIDs(p, nodes, f)
	validateImage(p, f)
}

func validateEndpoint(f *findings, path, endpoint string) {
	const hint = "write it like https://pve.lan:8006"
	if !f.require(endpoint != "", path, hint) {
		return
	}
	u, err := url.Parse(endpoint)
	if !f.check(err == nil && u.Scheme == "https" && u.Hostname() != "", path, "not an https address", hint) {
		return
	}
	f.check(u.User == nil, path, "carries a login", "the token goes to provider.proxmox.token")
	f.check(strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "", path, "carries more than host and port", hint)
	if u.Port() != "" {
		port, err := strconv.Atoi(u.Port())
		f.check(err == nil && port >= 1 && port <= 65535, path, "not a port", "Proxmox listens on 8006")
	}
}

func validateTrust(p Proxmox, f *findings) {
	const path = "provider.proxmox"
	const hint = "k3sedge init --proxmox URL shows the pin to compare; there is no way to leave the check out"
	switch {
	case p.TLSPin == "" && p.CAFile == "":
		f.add(path+".tlsPin", "is missing, and caFile too", hint)
	case p.TLSPin != "" && p.CAFile != "":
		f.add(path+".tlsPin", "excludes caFile", "keep one of the two")
	case p.TLSPin != "":
		raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(p.TLSPin, "sha256/"))
		f.check(strings.HasPrefix(p.TLSPin, "sha256/") && err == nil && len(raw) == sha256.Size, path+".tlsPin",
			"not sha256/ and the base64 SHA-256 of a public key", hint)
	default:
		validateCA(f, path+".caFile", p.CAFile, "copy /etc/pve/pve-root-ca.pem of the Proxmox host there")
	}
}

// validateToken never repeats the ID: people paste it together with its secret.
func validateToken(t Token, f *findings) {
	const path = "provider.proxmox.token"
	const hint = "write it as user@realm!name, such as k3sedge@pve!edge"
	if f.require(t.ID != "", path+".id", hint) {
		if _, _, joined := strings.Cut(t.ID, "="); joined {
			f.add(path+".id", "carries the secret behind =", "keep user@realm!name only; the secret goes to where token.secret points")
		} else {
			f.check(tokenForm.MatchString(t.ID), path+".id", "not the ID of an API token", hint)
		}
	}
	validateSecretRef(f, path+".secret", t.Secret)
}

func validateVMIDs(p Proxmox, nodes int, f *findings) {
	const path = "provider.proxmox.vmids"
	f.check(p.VMIDs.First >= minVMID && p.VMIDs.Last <= maxVMID, path, "not a range of VMIDs", "VMIDs go from 100 to 999999999")
	room := p.VMIDs.Len()
	if p.Template != 0 && p.VMIDs.Contains(p.Template) {
		room--
	}
	f.check(room >= nodes, path, fmt.Sprintf("room for %d VMs, but there are %d nodes", room, nodes), "make the range larger")
}

func validateImage(p Proxmox, f *findings) {
	const path = "provider.proxmox"
	switch {
	case p.Image == nil && p.Template == 0:
		f.add(path+".image", "is missing, and template too", "name a cloud image with its checksum, or the VMID of a template")
		return
	case p.Image != nil && p.Template != 0:
		f.add(path+".image", "excludes template", "keep one of the two")
		return
	case p.Template != 0:
		f.check(p.Template >= minVMID && p.Template <= maxVMID, path+".template", "not a VMID", "VMIDs go from 100 to 999999999")
		return
	}
	const urlHint = "name the qcow2 file in a dated folder of https://cloud.debian.org/images/cloud/bookworm/"
	if f.require(p.Image.URL != "", path+".image.url", urlHint) {
		validateImageURL(f, path+".image.url", p.Image.URL, urlHint)
	}
	const sumHint = "write sha512: and 128 hexadecimal digits, from the file SHA512SUMS beside the image"
	if f.require(p.Image.Checksum != "", path+".image.checksum", sumHint) {
		f.check(checksumForm.MatchString(p.Image.Checksum), path+".image.checksum", "not a checksum", sumHint)
	}
}

func validateImageURL(f *findings, path, address, hint string) {
	u, err := url.Parse(address)
	if !f.check(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.Path != "", path, "not the address of a file", hint) {
		return
	}
	f.check(u.User == nil, path, "carries a login", "Proxmox downloads the image without one")
	for part := range strings.SplitSeq(u.Path, "/") {
		f.check(part != "latest", path, "points at latest, which changes while the checksum does not", hint)
	}
}
