package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// versionInfo is what `k3sedge version --output json` prints.
type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // built from a tree with uncommitted changes
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(s Streams) *cli.Command {
	return command(cli.Command{
		Name: "version", Usage: "print version, commit and platform",
		Description: "Says which k3sedge this is: tell it when you report a problem.",
		Flags:       []cli.Flag{outputFlag("`FORMAT` of the answer")},
		Action: func(c *cli.Context) error {
			if err := wantArgs(c, 0, 0); err != nil {
				return err
			}
			return runVersion(s, c.String("output"))
		},
	}, "", "k3sedge version\nk3sedge version --output json")
}

func runVersion(s Streams, output string) error {
	v := readVersion()
	if output == "json" {
		return json.NewEncoder(s.Out).Encode(v)
	}
	_, err := fmt.Fprintf(s.Out, "k3sedge %s (%s, %s, %s)\n", v.Version, v.Commit, v.Go, v.Platform)
	return err
}

// readVersion takes the stamp that the Go tool puts into every binary it
// builds from a checkout.
func readVersion() versionInfo {
	v := versionInfo{Version: "unknown", Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
