package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/charts"
)

// The release files for amd64, the one architecture of the lab.
const (
	binaryFile = "k3s"
	imagesFile = "k3s-airgap-images-amd64.tar.zst"
	sumsFile   = "sha256sum-amd64.txt"

	ownImagesFile = "k3sedge-images-amd64.tar.zst"
	ownSumsFile   = "k3sedge-sha256sum-amd64.txt"
	pebbleFile    = "pebble"
)

// cloudflaredTag is the release of cloudflared in whose place the lab's
// connector stands.
const cloudflaredTag = "cloudflare/cloudflared:2026.8.2"

// inputs are what the files are made of.
type inputs struct {
	k3s, traefik, certManager, pebble string // programs
	cloudflared                       string // a program, "" to leave it out
	chart, version                    string // cert-manager's chart and version
}

func main() {
	var in inputs
	flag.StringVar(&in.k3s, "k3s", "", "the lab's K3s")
	flag.StringVar(&in.traefik, "traefik", "", "Traefik, linked statically")
	flag.StringVar(&in.certManager, "certmanager", "", "the lab's cert-manager, linked statically")
	flag.StringVar(&in.chart, "chart", "", "folder of cert-manager's chart")
	flag.StringVar(&in.version, "version", "", "cert-manager's version, with the v")
	flag.StringVar(&in.pebble, "pebble", "", "Pebble, linked statically")
	flag.StringVar(&in.cloudflared, "cloudflared", "", "the lab's connector, linked statically")
	out := flag.String("out", "", "folder for the release files")
	flag.Parse()
	if err := pack(in, *out); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

// pack makes K3s' release files, and k3sedge's own beside them where they are
// asked for.
func pack(in inputs, out string) error {
	own := []string{in.certManager, in.chart, in.version, in.pebble}
	alone := strings.Join(own, "") == ""
	if slices.Contains([]string{in.k3s, in.traefik, out}, "") || !alone && slices.Contains(own, "") {
		return errors.New("pack needs -k3s, -traefik and -out, and all of -certmanager, -chart, -version and -pebble or none")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make the release folder: %w", err)
	}
	if err := in.packRelease(out); err != nil || alone {
		return err
	}
	return in.packOwn(out)
}

// packRelease makes the files that K3s publishes.
func (in inputs) packRelease(out string) error {
	if err := copyFile(in.k3s, filepath.Join(out, binaryFile)); err != nil {
		return err
	}
	traefik := image{tag: charts.Image + ":" + charts.Tag, program: in.traefik, path: "usr/local/bin/traefik", entrypoint: []string{"traefik"}}
	if err := (archive{traefik}).save(filepath.Join(out, imagesFile)); err != nil {
		return err
	}
	return writeSums(out, sumsFile, imagesFile, binaryFile)
}

// packOwn makes what k3sedge's own bundle has more.
func (in inputs) packOwn(out string) error {
	if err := copyFile(in.pebble, filepath.Join(out, pebbleFile)); err != nil {
		return err
	}
	if err := in.images().save(filepath.Join(out, ownImagesFile)); err != nil {
		return err
	}
	chartFile := "cert-manager-" + in.version + ".tgz"
	if err := packChart(in.chart, in.version, filepath.Join(out, chartFile)); err != nil {
		return err
	}
	return writeSums(out, ownSumsFile, chartFile, ownImagesFile)
}

// images are those that k3sedge's objects name.
func (in inputs) images() archive {
	var out archive
	for _, component := range []string{"controller", "webhook", "cainjector", "startupapicheck"} {
		out = append(out, image{
			tag: "quay.io/jetstack/cert-manager-" + component + ":" + in.version, program: in.certManager,
			path: "app/cert-manager", entrypoint: []string{"/app/cert-manager", component}, user: "1000",
		})
	}
	if in.cloudflared != "" {
		out = append(out, image{
			tag: cloudflaredTag, program: in.cloudflared, path: "usr/local/bin/cloudflared",
			entrypoint: []string{"cloudflared", "--no-autoupdate"}, user: "65532",
		})
	}
	return out
}

func writeSums(out, file string, names ...string) error {
	var sums strings.Builder
	for _, name := range names {
		sum, err := fileSum(filepath.Join(out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum, name)
	}
	if err := os.WriteFile(filepath.Join(out, file), []byte(sums.String()), 0o644); err != nil {
		return fmt.Errorf("write the checksums: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the program: %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

func fileSum(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("hash %s: %w", file, err)
	}
	return h.Sum(nil), nil
}
