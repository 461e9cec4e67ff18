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
	"strings"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/charts"
)

// The release files for amd64, the one architecture of the lab.
const (
	binaryFile = "k3s"
	imagesFile = "k3s-airgap-images-amd64.tar.zst"
	sumsFile   = "sha256sum-amd64.txt"
)

func main() {
	k3s := flag.String("k3s", "", "the lab's K3s")
	traefik := flag.String("traefik", "", "Traefik, linked statically")
	out := flag.String("out", "", "folder for the release files")
	flag.Parse()
	if err := pack(*k3s, *traefik, *out); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

func pack(k3s, traefik, out string) error {
	if k3s == "" || traefik == "" || out == "" {
		return errors.New("pack needs -k3s, -traefik and -out")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make the release folder: %w", err)
	}
	if err := copyFile(k3s, filepath.Join(out, binaryFile)); err != nil {
		return err
	}
	i := image{tag: charts.Image + ":" + charts.Tag, program: traefik, path: "usr/local/bin/traefik", entrypoint: []string{"traefik"}}
	if err := i.save(filepath.Join(out, imagesFile)); err != nil {
		return err
	}
	var sums strings.Builder
	for _, name := range []string{imagesFile, binaryFile} {
		sum, err := fileSum(filepath.Join(out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum, name)
	}
	if err := os.WriteFile(filepath.Join(out, sumsFile), []byte(sums.String()), 0o644); err != nil {
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
