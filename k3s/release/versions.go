package release

import (
	"fmt"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Default is the release that is installed when the user names none.
func Default() string { return "v1.35.8+k3s1" }

// sums are the SHA-256 checksums of a release's files for one architecture.
// An empty one is not known: such a file is never downloaded.
type sums struct{ binary, images string }

// versions is the one list of what may be downloaded, by release and
// architecture. Each number stands in public records outside this project;
// K3s publishes them beside the files, as sha256sum-ARCH.txt.
//
// Binaries: pins of at least two projects that do not know of one another
// (catalogues of installers, roles of Ansible). Images: the distribution
// package of NixOS, images-versions.json of its K3s 1.35.
func versions() map[string]map[string]sums {
	return map[string]map[string]sums{
		"v1.35.8+k3s1": {
			"amd64": {
				binary: "12f81c9bb5b71e098a4f7a2d187e350902a9339a6c3d5e56c20a03f7a417e07f",
				images: "807160da9a1b3ec86183a777241a6fe948d27fd6fdf3b88d0da39fa3b1ceeddc",
			},
			"arm64": {
				binary: "898476e008704289382377ef19946f23b511cf2678042cb5c8aef991e64f840a",
				images: "18c53139e7ad39009057d5c52ec5501aeea1ada235986e43c7357a3863ff3fdd",
			},
		},
		"v1.35.6+k3s1": {"amd64": {binary: "2b52a2c1ca6eb502e2a0ffa1a4cf79eef94875926577c1e43347ed292cc92432"}},
		"v1.35.5+k3s1": {"amd64": {binary: "267d18da7b3c837d82283f0588fb9031a8a6ff3c0dac772c260c40852ce515f6"}},
	}
}

// binaryName and imagesName are how K3s publishes the files (k3s
// scripts/validate-artifacts).
func binaryName(arch string) string {
	if arch == "amd64" {
		return "k3s"
	}
	return "k3s-" + arch
}

func imagesName(arch string) string { return "k3s-airgap-images-" + arch + ".tar.zst" }

func sumsName(arch string) string { return "sha256sum-" + arch + ".txt" }

// byName returns the checksums that are known.
func (s sums) byName(arch string) map[string]string {
	out := map[string]string{}
	for name, sum := range map[string]string{binaryName(arch): s.binary, imagesName(arch): s.images} {
		if sum != "" {
			out[name] = sum
		}
	}
	return out
}

func checkArch(arch string) error {
	if arch == "amd64" || arch == "arm64" {
		return nil
	}
	return machine.WithHint(fmt.Errorf("K3s for %q is not supported", arch), "nodes can be amd64 or arm64")
}
