//go:build linux

package vagrant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/ca"
	"github.com/k3sedge/k3sedge/testinfra/lab"
	"github.com/k3sedge/k3sedge/testinfra/verify"
)

// user is who logs in to the machines, with sudo.
const user = "admin"

// Machines are the two machines of a lab.
type Machines struct {
	Lab *lab.Lab
	// Source is the folder with the Vagrantfile.
	Source string
	// Box is a box of the user's own, which needs cloud-init and the guest
	// agent; "" for the project's.
	Box string
	// RealK3s installs the release that k3sedge installs by default, which is
	// downloaded beforehand, outside of the lab; else that of the lab's bundle.
	RealK3s  bool
	Progress io.Writer
}

// nodes are the machines as they are made.
func nodes() []lab.Plain {
	six := func(address string) string {
		if !lab.HasIPv6() {
			return ""
		}
		return address
	}
	return []lab.Plain{
		{Name: "vm-1", Address: "10.77.0.21", Address6: six("fd77::21"), User: user},
		{Name: "vm-2", Address: "10.77.0.22", Address6: six("fd77::22"), User: user},
	}
}

// dir is where all of it is kept: in the lab's folder, and gone with it.
func (m Machines) dir(name ...string) string {
	return filepath.Join(append([]string{m.Lab.Dir("vagrant")}, name...)...)
}

// Project is the folder with the machines' k3sedge.yaml.
func (m Machines) Project() string { return m.dir("project") }

// Up makes the lab, the box, a project and the machines, or finds them.
func (m Machines) Up(ctx context.Context) error {
	if _, err := exec.LookPath("vagrant"); err != nil {
		return machine.WithHint(errors.New("missing on this machine: vagrant"), "apt-get install vagrant vagrant-libvirt")
	}
	if _, err := m.Lab.Up(ctx); err != nil {
		return err
	}
	if err := m.project(ctx); err != nil {
		return err
	}
	if err := m.addBox(ctx); err != nil {
		return err
	}
	if m.RealK3s {
		if err := m.fetchK3s(ctx); err != nil {
			return err
		}
	}
	m.say("vagrant: the machines boot; this takes minutes without KVM")
	return m.Run(ctx, "up", "--provider=libvirt")
}

// project writes the project, and the machines' discs, which hold its key. The
// last disc is written last, so that it says whether all is there.
func (m Machines) project(ctx context.Context) error {
	machines := nodes()
	if _, err := os.Stat(m.disc(machines[len(machines)-1])); err == nil {
		return nil
	}
	if err := errors.Join(os.RemoveAll(m.Project()), os.MkdirAll(m.dir("discs"), 0o755)); err != nil {
		return fmt.Errorf("begin the project: %w", err)
	}
	for i, n := range machines {
		var err error
		if machines[i], err = n.WithNewHostKey(ctx); err != nil {
			return err
		}
	}
	var k3s *inventory.K3s
	if m.RealK3s {
		k3s = &inventory.K3s{} // as k3sedge installs it by default
	}
	c, err := m.Lab.ExistingProject(ctx, m.Project(), k3s, machines...)
	if err != nil {
		return err
	}
	for _, n := range machines {
		n.AuthorizedKeys = c.SSH.AuthorizedKeys
		if err := n.Disc(ctx, m.disc(n)); err != nil {
			return err
		}
	}
	return nil
}

func (m Machines) disc(n lab.Plain) string { return m.dir("discs", n.Name+".iso") }

// addBox gives Vagrant the box of the lab's image.
func (m Machines) addBox(ctx context.Context) error {
	if m.Box != "" {
		return m.fetchBox(ctx)
	}
	if _, err := os.Stat(m.dir("home", "boxes", boxName)); err == nil {
		return nil
	}
	m.say("vagrant: packing the box")
	image, err := m.Lab.Image(ctx)
	if err != nil {
		return err
	}
	box := m.dir("box")
	if err := os.MkdirAll(box, 0o755); err != nil {
		return fmt.Errorf("pack the box: %w", err)
	}
	defer os.RemoveAll(box)
	for name, text := range map[string]string{
		"metadata.json": `{"provider":"libvirt","format":"qcow2","virtual_size":3}` + "\n",
		"Vagrantfile":   "Vagrant.configure(\"2\") { |config| }\n",
	} {
		if err := os.WriteFile(filepath.Join(box, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("pack the box: %w", err)
		}
	}
	for _, argv := range [][]string{
		{"qemu-img", "convert", "-O", "qcow2", image.Path, filepath.Join(box, "box.img")},
		{"tar", "-C", box, "-cf", filepath.Join(box, "k3sedge.box"), "metadata.json", "Vagrantfile", "box.img"},
	} {
		if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("pack the box: %s: %w: %s", argv[0], err, out)
		}
	}
	return m.Run(ctx, "box", "add", "--name", boxName, "file://"+filepath.Join(box, "k3sedge.box"))
}

// boxName is what Vagrant calls the project's box.
const boxName = "k3sedge-lab"

// fetchBox gets the user's box. The lab reaches no archive, so that this is
// done outside of it.
func (m Machines) fetchBox(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "vagrant", "box", "add", "--provider=libvirt", "--clean", m.Box)
	cmd.Env = append(cmd.Environ(), m.environment("qemu")...)
	return m.stream("vagrant", cmd)
}

// fetchK3s has the release in k3sedge's cache before it is asked for where
// nothing can be downloaded.
func (m Machines) fetchK3s(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("find the cache: %w", err)
	}
	source := release.Source{K3s: inventory.K3s{}, Cache: filepath.Join(cache, "k3sedge", "k3s")}
	m.say("K3s %s: downloading what is not in %s", source.Version(), source.Cache)
	if _, err := source.Fetch(ctx, "amd64"); err != nil {
		return fmt.Errorf("get K3s: %w", err)
	}
	return nil
}

// Down removes the machines and the lab, and what a killed run left.
func (m Machines) Down(ctx context.Context) error { return m.Lab.Down(ctx) }

// Site is how the verification suite reaches the machines; bin is the folder
// of our programs.
func (m Machines) Site(ctx context.Context, bin string) (verify.Site, error) {
	s := verify.Site{
		Project: m.Project(), K3sedge: filepath.Join(bin, "k3sedge"), Prober: filepath.Join(bin, "k3sedge-lab"),
		Operator: m.Lab.Command, Third: m.Lab.StrangerCommand, Power: m,
		Backend: net.JoinHostPort(lab.BackendIP, lab.BackendPort), Disruptive: true, Progress: m.Progress,
	}
	project, err := inventory.Load(filepath.Join(m.Project(), "k3sedge.yaml"))
	if err != nil {
		return s, err
	}
	if k3s := project.Cluster.K3s; k3s == nil || k3s.Version != lab.K3sVersion {
		s.Certify = m.certify
		return s, nil
	}
	authority, err := m.onServer(ctx, nil, "sudo cat /var/lib/rancher/k3s/server/issuer/lab-ca.crt")
	if err != nil {
		return s, fmt.Errorf("read the authority of the lab's certificates: %w", err)
	}
	s.Roots = string(authority)
	return s, nil
}

// certify fills the secret of a service, as soon as its namespace is there: the
// lab's K3s has an issuer, K3s itself has none.
func (m Machines) certify(ctx context.Context, namespace, secret, host string) (roots string, err error) {
	authority, err := ca.New("k3sedge lab")
	if err != nil {
		return "", err
	}
	certificate, key, err := authority.Issue(host)
	if err != nil {
		return "", err
	}
	object, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
		"metadata": map[string]string{"name": secret, "namespace": namespace},
		"data":     map[string][]byte{"tls.crt": certificate, "tls.key": key},
	})
	if err != nil {
		return "", err
	}
	script := "timeout 10m sh -c 'until sudo k3s kubectl get namespace " + namespace + " </dev/null >/dev/null 2>&1; do sleep 1; done' && sudo k3s kubectl apply -f -"
	if _, err := m.onServer(ctx, object, script); err != nil {
		return "", fmt.Errorf("fill the secret %s of %s: %w", secret, host, err)
	}
	return string(authority.PEM()), nil
}

// onServer runs a script on the first machine, as the admin.
func (m Machines) onServer(ctx context.Context, stdin []byte, script string) ([]byte, error) {
	cmd, err := m.command(ctx, "ssh", nodes()[0].Name, "--no-tty", "--command", script)
	if err != nil {
		return nil, err
	}
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, &said)
	}
	return out, nil
}

// Harden runs `k3sedge up`, as the operator on the LAN, until all is done. Then
// cloud-init is switched off on the first machine, as k3sedge has it on VMs that
// it makes; on the second it runs at every start, as on most others.
func (m Machines) Harden(ctx context.Context, k3sedge string) error {
	cmd, err := m.Lab.Command(ctx, k3sedge, "up", "--wait", "20m", "--file", filepath.Join(m.Project(), "k3sedge.yaml"))
	if err != nil {
		return err
	}
	if err := m.stream("k3sedge up", cmd); err != nil {
		return err
	}
	if _, err := m.onServer(ctx, nil, "sudo touch /etc/cloud/cloud-init.disabled"); err != nil {
		return fmt.Errorf("switch cloud-init off: %w", err)
	}
	return nil
}

// Run runs vagrant beside the lab's libvirt, for these machines.
func (m Machines) Run(ctx context.Context, args ...string) error {
	cmd, err := m.command(ctx, args...)
	if err != nil {
		return err
	}
	return m.stream("vagrant", cmd)
}

func (m Machines) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	driver := "qemu"
	if m.Lab.Accelerated(ctx) {
		driver = "kvm"
	}
	cmd, err := m.Lab.VirtCommand(ctx, append([]string{"vagrant"}, args...)...)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Environ(), m.environment(driver)...)
	return cmd, nil
}

// stream runs a command whose words are progress.
func (m Machines) stream(what string, cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = m.Progress, m.Progress
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// environment is what the Vagrantfile and Vagrant are told. Vagrant asks
// nobody whether there is a newer one.
func (m Machines) environment(driver string) []string {
	var machines []string
	for _, n := range nodes() {
		machines = append(machines, n.Name+"="+n.MAC())
	}
	box := m.Box
	if box == "" {
		box = boxName
	}
	return []string{
		"VAGRANT_CWD=" + m.Source, "VAGRANT_HOME=" + m.dir("home"), "VAGRANT_DOTFILE_PATH=" + m.dir("dot"),
		"VAGRANT_CHECKPOINT_DISABLE=1", "VAGRANT_DEFAULT_PROVIDER=libvirt", "VAGRANT_NO_COLOR=1",
		"K3SEDGE_MACHINES=" + strings.Join(machines, " "), "K3SEDGE_BOX=" + box, "K3SEDGE_USER=" + user,
		"K3SEDGE_KEY=" + filepath.Join(m.Project(), "id_ed25519"), "K3SEDGE_DRIVER=" + driver, "K3SEDGE_EMULATED_WITHOUT=" + strings.Join(lab.EmulatedWithout(), " "),
		"K3SEDGE_PREFIX=" + m.Lab.DomainPrefix(), "K3SEDGE_DISCS=" + m.dir("discs"),
	}
}

func (m Machines) say(format string, args ...any) { fmt.Fprintf(m.Progress, format+"\n", args...) }

// Off takes the power from a machine.
func (m Machines) Off(ctx context.Context, node string) error {
	return m.Lab.Virsh(ctx, "destroy", m.Lab.DomainPrefix()+node)
}

// On gives it back.
func (m Machines) On(ctx context.Context, node string) error {
	return m.Lab.Virsh(ctx, "start", m.Lab.DomainPrefix()+node)
}
