package provision

import "github.com/k3sedge/k3sedge/inventory"

// DebianImage is the cloud image that `k3sedge init` writes into a new file:
// Debian 12 "generic", because "genericcloud" lacks drivers that some virtual
// hardware needs. Source of the checksum: SHA512SUMS in the same folder.
func DebianImage() inventory.Image {
	return inventory.Image{
		URL:      "https://cloud.debian.org/images/cloud/bookworm/20260903-2590/debian-12-generic-amd64-20260903-2590.qcow2",
		Checksum: "sha512:804377dd07318360c39a75e57b326243442a43bae1e12b33d5f490a64713c15c080a0323cb55d52b381139db9187702d38f36b8b142b8ef36da1031d9de41c2d",
	}
}
