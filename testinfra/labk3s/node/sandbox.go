package node

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// sandbox is one container as a process: all that Contain needs to know.
type sandbox struct {
	Args       []string
	Env        []string
	Dir        string
	Root       string // the image's, which is not written to
	Scratch    string // folder for the container's own layer
	ReadOnly   bool
	UID, GID   int
	Groups     []int
	NoNewPrivs bool
	Bounding   []string // capabilities that may ever be had
	Mounts     []bind
	Network    string // file of the network namespace, "" for the node's
	Hostname   string // "" for the node's
}

// bind is a file or folder of the node that the container sees.
type bind struct {
	Source, Target string
	ReadOnly       bool
}

// defaultCapabilities are containerd's.
func defaultCapabilities() []string {
	return []string{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
		"NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
	}
}

// translation is what a container is made of.
type translation struct {
	pod       *corev1.Pod
	container *corev1.Container
	image     image
	variables map[string]string // see environment
	volumes   map[string]string // folder or file of each volume
	scratch   string
	etc       string // folder with the pod's own hosts and hostname
}

// sandbox says how the container is to run, or why it cannot.
func (t translation) sandbox() (sandbox, error) {
	s := sandbox{Root: t.image.Root, Scratch: t.scratch, Dir: t.container.WorkingDir}
	if s.Dir == "" {
		s.Dir = t.image.WorkingDir
	}
	for _, key := range slices.Sorted(maps.Keys(t.variables)) {
		s.Env = append(s.Env, key+"="+t.variables[key])
	}
	mapping := expansion.MappingFuncFor(t.variables)
	command, args := t.image.Entrypoint, t.image.Cmd
	if len(t.container.Command) > 0 {
		command, args = t.container.Command, nil
	}
	if len(t.container.Args) > 0 {
		args = t.container.Args
	}
	for _, a := range slices.Concat(command, args) {
		s.Args = append(s.Args, expansion.Expand(a, mapping))
	}
	if len(s.Args) == 0 {
		return s, errors.New("no command specified")
	}
	if err := t.identity(&s); err != nil {
		return s, err
	}
	t.limits(&s)
	if !t.pod.Spec.HostNetwork {
		s.Network, s.Hostname = namespaceOf(t.pod.UID), hostname(t.pod)
	}
	return s, t.mounts(&s)
}

// identity decides the user and groups: the container's, else the pod's, else
// the image's.
func (t translation) identity(s *sandbox) error {
	pod, own := t.contexts()
	var err error
	if s.UID, s.GID, err = imageUser(t.image); err != nil {
		return err
	}
	for _, id := range []*int64{pod.RunAsUser, own.RunAsUser} {
		if id != nil {
			s.UID, s.GID = int(*id), 0
		}
	}
	for _, id := range []*int64{pod.RunAsGroup, own.RunAsGroup} {
		if id != nil {
			s.GID = int(*id)
		}
	}
	for _, g := range pod.SupplementalGroups {
		s.Groups = append(s.Groups, int(g))
	}
	if pod.FSGroup != nil {
		s.Groups = append(s.Groups, int(*pod.FSGroup))
	}
	nonRoot := pod.RunAsNonRoot
	if own.RunAsNonRoot != nil {
		nonRoot = own.RunAsNonRoot
	}
	if nonRoot != nil && *nonRoot && s.UID == 0 {
		return errors.New("container has runAsNonRoot and image will run as root")
	}
	return nil
}

// contexts gives what the pod and the container ask for, which may be nothing.
func (t translation) contexts() (*corev1.PodSecurityContext, *corev1.SecurityContext) {
	pod, own := t.pod.Spec.SecurityContext, t.container.SecurityContext
	if pod == nil {
		pod = &corev1.PodSecurityContext{}
	}
	if own == nil {
		own = &corev1.SecurityContext{}
	}
	return pod, own
}

// imageUser reads USER of an image: numbers, or names of its /etc/passwd.
func imageUser(i image) (uid, gid int, err error) {
	user, group, _ := strings.Cut(i.User, ":")
	if uid, gid, err = lookup(i.Root, user); err != nil {
		return 0, 0, err
	}
	if group != "" {
		if gid, err = strconv.Atoi(group); err != nil {
			return 0, 0, fmt.Errorf("the image's group %q is not a number", group)
		}
	}
	return uid, gid, nil
}

func lookup(root, user string) (uid, gid int, err error) {
	if user == "" || user == "root" {
		return 0, 0, nil
	}
	if uid, err := strconv.Atoi(user); err == nil {
		return uid, 0, nil
	}
	content, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		return 0, 0, fmt.Errorf("look up the image's user: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		f := strings.Split(line, ":")
		if len(f) < 4 || f[0] != user {
			continue
		}
		uid, err := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		return uid, gid, errors.Join(err, err2)
	}
	return 0, 0, fmt.Errorf("unable to find user %s: no matching entries in passwd file", user)
}

// limits decides what the process may never do.
func (t translation) limits(s *sandbox) {
	have := map[string]bool{}
	for _, c := range defaultCapabilities() {
		have[c] = true
	}
	_, own := t.contexts()
	if own.Privileged != nil && *own.Privileged {
		for c := range capabilities() {
			have[c] = true
		}
	}
	if own.Capabilities != nil {
		for _, c := range own.Capabilities.Drop {
			if c == "ALL" {
				clear(have)
			}
			delete(have, strings.TrimPrefix(string(c), "CAP_"))
		}
		for _, c := range own.Capabilities.Add {
			have[strings.TrimPrefix(string(c), "CAP_")] = true
		}
	}
	s.Bounding = slices.Sorted(maps.Keys(have))
	s.NoNewPrivs = own.AllowPrivilegeEscalation != nil && !*own.AllowPrivilegeEscalation
	s.ReadOnly = own.ReadOnlyRootFilesystem != nil && *own.ReadOnlyRootFilesystem
}

func (t translation) mounts(s *sandbox) error {
	s.Mounts = t.names()
	for _, m := range t.container.VolumeMounts {
		source, ok := t.volumes[m.Name]
		if !ok {
			return fmt.Errorf("volumeMounts: no volume %q", m.Name)
		}
		if m.SubPath != "" {
			if !filepath.IsLocal(m.SubPath) {
				return fmt.Errorf("volumeMounts: subPath %q", m.SubPath)
			}
			source = filepath.Join(source, m.SubPath)
		}
		s.Mounts = append(s.Mounts, bind{source, m.MountPath, m.ReadOnly})
	}
	return nil
}
