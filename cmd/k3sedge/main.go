package main

import (
	"context"
	"os"

	"github.com/k3sedge/k3sedge/cmd/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args, cli.System()))
}
