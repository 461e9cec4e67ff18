package agent

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/k3sedge/k3sedge/provision/machine"
)

// Folder is where the agents stand on a host, for root only.
const Folder = "/usr/local/lib/k3sedge"

// Prefix begins the name of every agent in Folder, of whatever version.
const Prefix = "k3sedge-node-"

// ErrNotBuilt is a k3sedge that was built without its node agents.
var ErrNotBuilt = errors.New("this k3sedge was built without the node agent")

//go:embed all:bin
var programs embed.FS

// Embedded are the agents that were built into this program.
type Embedded struct{}

// Path returns where the agent for arch stands on a host. It does not unpack it.
func (Embedded) Path(arch string) (string, error) { return pathIn(programs, arch) }

// For returns the agent for arch, such as amd64, with its content.
func (Embedded) For(arch string) (machine.Agent, error) { return agentIn(programs, arch) }

// pathIn names the agent by the checksum that `make build` left beside it, so
// that asking for the path costs nothing; without one it has to unpack.
func pathIn(files fs.FS, arch string) (string, error) {
	sum, err := fs.ReadFile(files, base(arch)+".sha256")
	if errors.Is(err, fs.ErrNotExist) {
		a, err := agentIn(files, arch)
		return a.Path, err
	}
	if err != nil {
		return "", fmt.Errorf("read the agent's checksum: %w", err)
	}
	want, err := checksum(sum)
	if err != nil {
		return "", fmt.Errorf("read %s.sha256: %w", base(arch), err)
	}
	return path(want), nil
}

func agentIn(files fs.FS, arch string) (machine.Agent, error) {
	packed, err := fs.ReadFile(files, base(arch)+".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return machine.Agent{}, machine.WithHint(fmt.Errorf("%w for linux/%s", ErrNotBuilt, arch),
			"build it with `make build`; agents exist for amd64 and arm64")
	}
	if err != nil {
		return machine.Agent{}, fmt.Errorf("read the agent: %w", err)
	}
	content, err := unpack(packed)
	if err != nil {
		return machine.Agent{}, fmt.Errorf("unpack the agent for %s: %w", arch, err)
	}
	got := sha256.Sum256(content)
	if err := verify(files, arch, got); err != nil {
		return machine.Agent{}, err
	}
	return machine.Agent{Path: path(got), Content: content}, nil
}

// verify refuses a program that is not the one its checksum file names: its
// path on the host would be another one than Path says.
func verify(files fs.FS, arch string, got [sha256.Size]byte) error {
	sum, err := fs.ReadFile(files, base(arch)+".sha256")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the agent's checksum: %w", err)
	}
	if want, err := checksum(sum); err != nil || want != got {
		return machine.WithHint(fmt.Errorf("the agent for %s is not the one of its checksum file", arch), "build both again with `make build`")
	}
	return nil
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// checksum reads the first field of sha256sum's output.
func checksum(line []byte) (sum [sha256.Size]byte, err error) {
	field, _, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	b, err := hex.DecodeString(field)
	if err != nil {
		return sum, err
	}
	if len(b) != len(sum) {
		return sum, fmt.Errorf("%d bytes, wanted %d", len(b), len(sum))
	}
	return [sha256.Size]byte(b), nil
}

func base(arch string) string { return "bin/" + Prefix + "linux-" + arch }

func path(sum [sha256.Size]byte) string { return Folder + "/" + Prefix + hex.EncodeToString(sum[:8]) }
