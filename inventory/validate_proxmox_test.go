package inventory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestValidateProxmox(t *testing.T) {
	t.Parallel()
	const p = "provider.proxmox."
	const twice = "  proxmox:\n"
	for _, e := range []edit{
		{"two providers", []string{twice, "  existing:\n" + twice}, []string{"k3sedge.yaml:5: provider: proxmox and existing exclude each other"}},
		{"no endpoint", []string{"https://pve.lan:8006", ""}, []string{"k3sedge.yaml:7: " + p + "endpoint: is missing"}},
		{"http", []string{"https://pve.lan", "http://pve.lan"}, []string{"k3sedge.yaml:7: " + p + "endpoint: not an https address"}},
		{"no host", []string{"https://pve.lan:8006", "https://:8006"}, []string{"k3sedge.yaml:7: " + p + "endpoint: not an https address"}},
		{"login", []string{"https://", "https://root:hunter2@"}, []string{"k3sedge.yaml:7: " + p + "endpoint: carries a login"}},
		{"path", []string{":8006", ":8006/api2/json"}, []string{"k3sedge.yaml:7: " + p + "endpoint: carries more than host and port"}},
		{"slash", []string{":8006", ":8006/"}, nil},
		{"no port", []string{":8006", ""}, nil},
		{"port", []string{":8006", ":80060"}, []string{"k3sedge.yaml:7: " + p + "endpoint: not a port"}},
		{"no pin", []string{"    tlsPin: sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", ""}, []string{"k3sedge.yaml:6: " + p + "tlsPin: is missing, and caFile too"}},
		{"pin and CA", []string{"    token:", "    caFile: ca.pem\n    token:"}, []string{"k3sedge.yaml:8: " + p + "tlsPin: excludes caFile"}},
		{"pin cut off", []string{"SuFU=", "Su"}, []string{"k3sedge.yaml:8: " + p + "tlsPin: not sha256/ and the base64 SHA-256 of a public key"}},
		{"pin of curl", []string{"sha256/47", "sha256//47"}, []string{"k3sedge.yaml:8: " + p + "tlsPin: not sha256/ and the base64 SHA-256 of a public key"}},
		{"pin without kind", []string{"sha256/47", "47"}, []string{"k3sedge.yaml:8: " + p + "tlsPin: not sha256/ and the base64 SHA-256 of a public key"}},
		{"no token", []string{"      id: k3sedge@pve!edge\n      secret: env:K3SEDGE_PVE_TOKEN\n", ""}, []string{
			"k3sedge.yaml:9: " + p + "token.id: is missing", "k3sedge.yaml:9: " + p + "token.secret: is missing"}},
		{"user only", []string{"k3sedge@pve!edge", "k3sedge@pve"}, []string{"k3sedge.yaml:10: " + p + "token.id: not the ID of an API token"}},
		{"literal secret", []string{"env:K3SEDGE_PVE_TOKEN", "hunter2"}, []string{
			"k3sedge.yaml:11: " + p + "token.secret: not a reference to a secret; a secret itself must not stand in this file"}},
		{"no node", []string{"    node: pve\n", ""}, []string{"k3sedge.yaml:6: " + p + "node: is missing"}},
		{"node with domain", []string{"node: pve", "node: pve.lan"}, []string{"k3sedge.yaml:12: " + p + "node: not the name of a Proxmox host"}},
		{"names", []string{"node: pve", "node: pve\n    pool: my pool\n    bridge: /dev/vmbr0\n    vlan: 4095\n    storage: {disks: a/b, image: '7', iso: x}"}, []string{
			"k3sedge.yaml:13: " + p + "pool: not the name of a pool", "k3sedge.yaml:14: " + p + "bridge: not the name of a bridge",
			"k3sedge.yaml:15: " + p + "vlan: not a VLAN", "k3sedge.yaml:16: " + p + "storage.disks: not the name of a storage",
			"k3sedge.yaml:16: " + p + "storage.image: not the name of a storage", "k3sedge.yaml:16: " + p + "storage.iso: not the name of a storage"}},
		{"low range", []string{"node: pve", "node: pve\n    vmids: 99-200"}, []string{"k3sedge.yaml:13: " + p + "vmids: not a range of VMIDs"}},
		{"small range", []string{"node: pve", "node: pve\n    vmids: 100-100"}, []string{"k3sedge.yaml:13: " + p + "vmids: room for 1 VMs, but there are 2 nodes"}},
	} {
		e.run(t, "proxmox.yaml")
	}
}

func TestValidateImage(t *testing.T) {
	t.Parallel()
	const p = "provider.proxmox."
	image := "    image:\n      url: https://images.lan/bookworm/20250814/debian-12.qcow2\n" +
		"      checksum: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
	for _, e := range []edit{
		{"none", []string{image, ""}, []string{"k3sedge.yaml:6: " + p + "image: is missing, and template too"}},
		{"both", []string{image, image + "    template: 9000\n"}, []string{"k3sedge.yaml:13: " + p + "image: excludes template"}},
		{"template", []string{image, "    template: 9000\n"}, nil},
		{"low template", []string{image, "    template: 99\n"}, []string{"k3sedge.yaml:13: " + p + "template: not a VMID"}},
		{"template takes a place", []string{image, "    template: 9000\n    vmids: 9000-9001\n"}, []string{"k3sedge.yaml:14: " + p + "vmids: room for 1 VMs, but there are 2 nodes"}},
		{"empty", []string{image, "    image: {}\n"}, []string{"k3sedge.yaml:13: " + p + "image.checksum: is missing", "k3sedge.yaml:13: " + p + "image.url: is missing"}},
		{"file", []string{"https://images.lan", "file://images.lan"}, []string{"k3sedge.yaml:14: " + p + "image.url: not the address of a file"}},
		{"login", []string{"https://images.lan", "https://me:hunter2@images.lan"}, []string{"k3sedge.yaml:14: " + p + "image.url: carries a login"}},
		{"latest", []string{"20250814", "latest"}, []string{"k3sedge.yaml:14: " + p + "image.url: points at latest, which changes while the checksum does not"}},
		{"checksum cut off", []string{"b855", ""}, []string{"k3sedge.yaml:15: " + p + "image.checksum: not a checksum"}},
		{"checksum of another kind", []string{"sha256:", "sha512:"}, []string{"k3sedge.yaml:15: " + p + "image.checksum: not a checksum"}},
		{"MD5", []string{"sha256:e3b0c44298fc1c149afbf4c8996fb924", "md5:"}, []string{"k3sedge.yaml:15: " + p + "image.checksum: not a checksum"}},
	} {
		e.run(t, "proxmox.yaml")
	}
}

func TestValidateCA(t *testing.T) {
	t.Parallel()
	const path = "k3sedge.yaml:8: provider.proxmox.caFile: ca.pem"
	for name, tc := range map[string]struct {
		content string
		want    []string
	}{
		"good":    {certificate(t), nil},
		"text":    {"hello", []string{path + " holds no certificate"}},
		"key":     {privateKey("PRIVATE KEY"), []string{path + " holds a private key"}},
		"request": {privateKey("CERTIFICATE REQUEST"), []string{path + " holds no certificate"}},
		"two":     {certificate(t) + certificate(t), nil},
		"and key": {certificate(t) + privateKey("EC PRIVATE KEY"), []string{path + " holds a private key"}},
		"broken":  {privateKey("CERTIFICATE"), []string{path + " holds a broken certificate"}},
		"missing": {"", []string{path + ": no such file or directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, "proxmox.yaml")
			f.replace("tlsPin: sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "caFile: ca.pem")
			if tc.content != "" {
				f.write("ca.pem", tc.content, 0o644)
			}
			f.expect(tc.want...)
		})
	}
}

func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(4e9, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Whatever a user pastes where, no problem and no hint may show it again.
func TestNoProblemShowsASecret(t *testing.T) {
	t.Parallel()
	const canary = "0c8a6a4e-hunter2"
	for _, pairs := range [][]string{
		{"env:K3SEDGE_PVE_TOKEN", canary},
		{"env:K3SEDGE_PVE_TOKEN", "env:" + canary},
		{"env:K3SEDGE_PVE_TOKEN", "{value: " + canary + "}"},
		{"env:K3SEDGE_PVE_TOKEN", "[" + canary + "]"},
		{"env:K3SEDGE_PVE_TOKEN", "*" + canary},
		{"env:K3SEDGE_PVE_TOKEN", "&" + canary + " x"},
		{"env:K3SEDGE_PVE_TOKEN", "!" + canary + " x"},
		{"env:K3SEDGE_PVE_TOKEN", "\"\\q" + canary},
		{"k3sedge@pve!edge", "k3sedge@pve!edge=" + canary},
		{"token:\n      id: k3sedge@pve!edge\n      secret: env:K3SEDGE_PVE_TOKEN", "token: k3sedge@pve!edge=" + canary},
		{"https://", "https://root:" + canary + "@"},
		{"node: pve", "node: pve\n    vlan: " + canary},
		{"file:keys/admin.pub", "ssh-ed25519 " + canary},
		{"file:keys/admin.pub", "-----BEGIN OPENSSH PRIVATE KEY----- " + canary},
		{"ssh:", "ssh:\n  passphrase: " + canary},
		{"10.0.0.12", canary},
	} {
		f := newFolder(t, "proxmox.yaml")
		f.replace(pairs...)
		_, err := f.load()
		problems, ok := err.(Problems)
		if !ok || len(problems) == 0 {
			t.Errorf("%q is accepted: %v", pairs[1], err)
		}
		for _, p := range problems {
			if strings.Contains(p.Error()+p.Hint, canary) {
				t.Errorf("%q is shown again: %v (%s)", pairs[1], p, p.Hint)
			}
		}
	}
}
