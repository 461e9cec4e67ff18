//go:build linux

package main

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k3sedge/k3sedge/testinfra/lab"
)

// app is what the commands share.
type app struct{ out, progress io.Writer }

const description = `Makes a LAN with real Debian machines behind a stand-in for Proxmox VE, all in
network namespaces of its own. Needs root on Linux.

  k3sedge-lab up                             make the lab, or find it
  k3sedge-lab project /tmp/edge              write a k3sedge.yaml for it
  k3sedge-lab exec -- k3sedge up             run a command in its LAN
  k3sedge-lab status                         what runs
  k3sedge-lab down                           remove it and all that is left of it

  k3sedge-lab verify --project DIR           which promises any cluster keeps, without a lab

Several labs may run at once: --name second, or K3SEDGE_LAB=second.
Exit codes: 0 done, 1 failed, 2 bad usage; exec ends as its command did, verify says its own.`

// newApp is the command line.
func newApp(out, progress io.Writer) *cli.App {
	a := app{out: out, progress: progress}
	return &cli.App{
		Name: "k3sedge-lab", Usage: "the LAN in which k3sedge is tested", Description: description,
		HideVersion: true, UseShortOptionHandling: true, Writer: out, ErrWriter: progress,
		// main prints errors, with their hints.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   wrongUsage,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "name of the lab", Value: lab.DefaultName, EnvVars: []string{"K3SEDGE_LAB"}},
			&cli.StringFlag{Name: "state", Usage: "folder of the labs' files", Value: lab.DefaultState, EnvVars: []string{"K3SEDGE_LAB_STATE"}},
			&cli.StringFlag{Name: "cache", Usage: "folder of the machine images", Value: lab.DefaultCache, EnvVars: []string{"K3SEDGE_LAB_CACHE"}},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("no command " + c.Args().First() + "; see k3sedge-lab --help")
			}
			return cli.ShowAppHelp(c)
		},
		Commands: a.commands(),
	}
}

// commands are all commands, each with an example.
func (a app) commands() []*cli.Command {
	list := []*cli.Command{
		{Name: "up", Usage: "make the lab, or find it", Action: a.up,
			Flags: append(machineFlags(),
				&cli.StringFlag{Name: "bundle", Usage: "run the ACME server that is in this folder (make bundle)"}),
			Description: "k3sedge-lab up\nk3sedge-lab up --machines libvirt --suite trixie\n\nBuilds the machine image if it is not in the cache (about a minute).\n" +
				"libvirt's machines have a kernel, a disk and a disc drive of their own, behind the same Proxmox stand-in; without a KVM\n" +
				"that works they are emulated, and want k3sedge up --wait 15m. Needs libvirt-daemon-system, libvirt-clients,\n" +
				"qemu-system-x86 and qemu-utils."},
		{Name: "down", Usage: "remove the lab and all that is left of it", Action: a.down,
			Description: "k3sedge-lab down\n\nAlso after a crash. Touches nothing that does not carry the lab's name."},
		{Name: "status", Usage: "show what runs", Action: a.status, Flags: []cli.Flag{jsonFlag()},
			Description: "k3sedge-lab status --json | jq .machines"},
		{Name: "exec", Usage: "run a command in the LAN", ArgsUsage: "-- COMMAND…", Action: a.exec,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "stranger", Usage: "with the stranger's address, " + lab.StrangerIP},
				&cli.BoolFlag{Name: "libvirt", Usage: "beside the lab's libvirt: virsh, vagrant"},
				&cli.StringFlag{Name: "on", Usage: "on this machine's console, as root (a whole machine: by its agent)"}},
			Description: "k3sedge-lab exec -- k3sedge up\nk3sedge-lab exec --stranger -- ssh admin@10.77.0.11\nk3sedge-lab exec --on edge-1 -- systemctl status k3s"},
		{Name: "project", Usage: "write a project for this lab", ArgsUsage: "DIR", Action: a.project,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "bundle", Usage: "install K3s from this folder (make bundle); without it the machines are all"},
				&cli.BoolFlag{Name: "cloudflare", Usage: "keep names and a tunnel at the lab's Cloudflare, certificates from its ACME server"}},
			Description: "k3sedge-lab project --bundle bin/bundle /tmp/edge\n\nWrites k3sedge.yaml, a key and the token; overwrites nothing."},
		{Name: "image", Usage: "build the machine image only, and with --machines libvirt try KVM", Action: a.image, Flags: append(machineFlags(), jsonFlag()),
			Description: "k3sedge-lab image"},
		{Name: "fault", Usage: "make the Proxmox stand-in misbehave", ArgsUsage: "JSON", Action: a.fault,
			Flags: []cli.Flag{&cli.BoolFlag{Name: "clear", Usage: "remove all faults"}},
			Description: "k3sedge-lab fault '{\"kind\":\"delay\",\"delay\":\"2s\",\"path\":\"^/version$\"}'\n" +
				"k3sedge-lab fault --clear\n\nThe kinds are those of testinfra/fakepve."},
		{Name: "cloudflare", Usage: "look behind the Cloudflare stand-in, or make it misbehave", ArgsUsage: "ORDER [JSON|ID]", Action: a.cloudflare,
			Description: "k3sedge-lab cloudflare records\n" +
				"k3sedge-lab cloudflare fault '{\"kind\":\"429\",\"path\":\"^/zones\",\"count\":2}'\nk3sedge-lab cloudflare clear\n\n" +
				"Orders: " + strings.Join(lab.CloudflareOrders(), ", ") + ".\nThe kinds of faults are those of testinfra/fakecloudflare."},
		{Name: "restart", Usage: "restart a machine", ArgsUsage: "NAME|VMID", Action: a.restart,
			Description: "k3sedge-lab restart edge-1"},
		{Name: "machine", Usage: "boot a machine that Proxmox knows nothing of", ArgsUsage: "NAME ADDRESS", Action: a.machine,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "key", Usage: "file with the public key that may log in; required"},
				&cli.StringFlag{Name: "user", Usage: "who may log in, with sudo", Value: "admin"},
			},
			Description: "k3sedge-lab machine --key id_ed25519.pub metal-1 10.77.0.21"},
		{Name: "run", Hidden: true, Action: a.run}, // what exec --on becomes for a whole machine
		{Name: "vagrant", Usage: "two whole machines by Vagrant and libvirt: up, down, or any order of vagrant's", ArgsUsage: "up | down | run -- ARGUMENTS…", Action: a.vagrant,
			Flags: append(machineFlags(),
				&cli.StringFlag{Name: "bundle", Usage: "install K3s from this folder (make bundle)"},
				&cli.BoolFlag{Name: "real-k3s", Usage: "install the release of K3s itself, which is downloaded"},
				k3sedgeFlag(),
				&cli.StringFlag{Name: "box", Usage: "a box of yours, by name; it needs cloud-init and the guest agent"},
				&cli.StringFlag{Name: "source", Usage: "folder with the Vagrantfile", Value: "testinfra/vagrant"}),
			Description: "k3sedge-lab --name vagrant vagrant --bundle bin/bundle up\nk3sedge-lab --name vagrant vagrant run -- ssh vm-1"},
		{Name: "serve", Hidden: true, Action: a.serve, Flags: append(machineFlags(),
			&cli.StringFlag{Name: "daemon", Required: true}, &cli.StringFlag{Name: "image", Required: true}, &cli.StringFlag{Name: "bundle"})},
	}
	list = append(list, a.verifyCommands()...)
	for _, c := range list {
		c.OnUsageError = wrongUsage
	}
	return list
}

// machineFlags say what the lab's machines are.
func machineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "machines", Value: lab.MachinesNspawn,
			Usage: "what runs the machines: nspawn (containers, in seconds) or libvirt (whole machines, in minutes without KVM)"},
		&cli.StringFlag{Name: "suite", Value: "bookworm", Usage: "Debian suite of libvirt's machines: " + strings.Join(lab.Suites(), " or ")},
	}
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "one JSON document"} }

// wrongUsage turns what the flag parser says into our kind of error.
func wrongUsage(_ *cli.Context, err error, _ bool) error { return usageError(err.Error()) }
