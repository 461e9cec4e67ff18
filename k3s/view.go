package k3s

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/k3s/release"
	"github.com/k3sedge/k3sedge/provision/cluster"
	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/provision/machine/look"
)

// errNotTold is a part of a look that is missing. It never reads as "absent".
var errNotTold = errors.New("the look at the node does not tell")

// site is what all nodes share.
type site struct {
	Config
	api   cluster.Reader
	views []*view // in the order of the file
	first *view   // the server that starts the cluster
	turn  chan struct{}

	mu     sync.Mutex
	files  map[string]release.Files // by architecture
	tokens tokens
}

func newSite(c Config, hosts map[string]look.Looker, api cluster.Reader) *site {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &site{Config: c, api: api, turn: make(chan struct{}, 1), files: map[string]release.Files{}}
	server, _ := ServerOf(c.Cluster)
	for _, n := range c.Cluster.Nodes {
		v := &view{site: s, node: n, looker: hosts[n.Name]}
		s.views = append(s.views, v)
		if n.Name == server.Name {
			s.first = v
		}
	}
	return s
}

// view is one node, with nothing to change it with.
type view struct {
	*site
	node   inventory.Node
	looker look.Looker

	mu     sync.Mutex
	looked bool
	last   *seen
	blind  error     // why there is no last
	binary look.File // K3s itself, as its sum was last read
}

// seen is what one look found.
type seen struct {
	look.Answer
	skew time.Duration // the node's clock is ahead by this
}

// hands change a node. Whatever they change, the next look is a new one.
type hands struct {
	*view
	host   Host
	writer cluster.API
}

// seen looks at the node, once for all steps until something is changed there.
// A node that does not answer is not asked again either: each try takes seconds.
func (v *view) seen(ctx context.Context) (*seen, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.looked {
		return v.last, v.blind
	}
	s, err := v.lookAnew(ctx)
	if ctx.Err() == nil {
		v.looked, v.last, v.blind = true, s, err
	}
	return s, err
}

// lookAnew looks at all of it, but has K3s itself, far larger than the rest, read
// only once for as long as nobody has changed it.
func (v *view) lookAnew(ctx context.Context) (*seen, error) {
	known := v.knowsBinary()
	s, err := v.ask(ctx, v.request())
	if err != nil {
		return nil, err
	}
	is := s.Files[binaryPath]
	switch {
	case !known:
		v.binary = is
	case is.Changed == v.binary.Changed && is.Size == v.binary.Size:
		is.SHA256 = v.binary.SHA256
		s.Files[binaryPath] = is
	default:
		v.binary = look.File{}
		return v.lookAnew(ctx)
	}
	return s, nil
}

// knowsBinary reports whether its sum was read, and a change of it would show.
func (v *view) knowsBinary() bool { return v.binary.SHA256 != "" && v.binary.Changed != 0 }

// request is all that any step wants to know.
func (v *view) request() look.Request {
	r := look.Request{
		Files: []look.FileQuery{
			{Path: binaryPath, NoSum: v.knowsBinary()}, {Path: configPath, Content: true}, {Path: unitDir + "/" + unitOf(v.node.Role)},
			{Path: markerPath, Content: true}, {Path: containerPath, NoSum: true}, {Path: logsDir, NoSum: true},
			{Path: psaPath}, {Path: auditPath},
		},
		Units:      []string{serverUnit, agentUnit},
		Spaces:     []string{dataDir},
		Ports:      true,
		Interfaces: true,
	}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, name := range release.ArchiveNames(arch) {
			r.Files = append(r.Files, look.FileQuery{Path: imagesPath(name), NoSum: true})
		}
	}
	for _, m := range v.Manifests {
		r.Files = append(r.Files, look.FileQuery{Path: manifestPath(m)})
	}
	for _, k := range kernelSettings() {
		r.Sysctls = append(r.Sysctls, k.key)
	}
	if v == v.first {
		r.Files = append(r.Files, look.FileQuery{Path: serverTokenPath, Content: true}, look.FileQuery{Path: agentTokenPath, Content: true})
	}
	return r
}

// ask looks now.
func (v *view) ask(ctx context.Context, r look.Request) (*seen, error) {
	if v.looker == nil {
		return nil, fmt.Errorf("look at %s: %w", v.node.Name, errNotTold)
	}
	before := v.Now()
	a, err := v.looker.Look(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", v.node.Name, err)
	}
	return &seen{Answer: a, skew: skew(a.Time, before, v.Now())}, nil
}

// skew is how far a clock is ahead that was read between the two times.
func skew(clock, before, after time.Time) time.Duration {
	switch {
	case clock.Before(before):
		return clock.Sub(before)
	case clock.After(after):
		return clock.Sub(after)
	}
	return 0
}

// file returns what is at path, if the look told.
func (s *seen) file(path string) (look.File, error) {
	f, ok := s.Files[path]
	switch {
	case !ok:
		return f, fmt.Errorf("%s: %w", path, errNotTold)
	case f.Err != "":
		return f, fmt.Errorf("%s: %w: %s", path, errNotTold, f.Err)
	}
	return f, nil
}

// unit returns the state of a unit, if the look told.
func (s *seen) unit(name string) (look.Unit, error) {
	u, ok := s.Units[name]
	if !ok || u.Active == "" {
		return u, s.failed("units", name)
	}
	return u, nil
}

// failed is a part that the look does not tell, with its reason.
func (s *seen) failed(part, what string) error {
	if why := s.Failed[part]; why != "" {
		return fmt.Errorf("%s: %w: %s", what, errNotTold, why)
	}
	return fmt.Errorf("%s: %w", what, errNotTold)
}

// release returns the files for this node.
func (v *view) release(ctx context.Context) (release.Files, error) {
	now, err := v.seen(ctx)
	if err != nil {
		return release.Files{}, err
	}
	if now.Arch == "" {
		return release.Files{}, now.failed("arch", "architecture of "+v.node.Name)
	}
	v.site.mu.Lock()
	defer v.site.mu.Unlock()
	if f, ok := v.files[now.Arch]; ok {
		return f, nil
	}
	f, err := v.Files(ctx, now.Arch)
	if err == nil {
		v.files[now.Arch] = f
	}
	return f, err
}

// forget makes the next look a new one.
func (v *view) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked, v.last, v.blind = false, nil, nil
}

// run runs a program as root.
func (h *hands) run(ctx context.Context, argv ...string) error {
	defer h.forget()
	_, err := h.host.Run(ctx, machine.Command{Argv: argv, Root: true})
	return err
}

// folder makes a folder of root's, or gives it the mode.
func (h *hands) folder(ctx context.Context, path, mode string) error {
	return h.run(ctx, "install", "-d", "-o", "root", "-g", "root", "-m", mode, "--", path)
}

// write puts a file in its place.
func (h *hands) write(ctx context.Context, f machine.File) error {
	defer h.forget()
	return h.host.WriteFile(ctx, f)
}

// redact takes the tokens out of what a program of K3s printed.
func (s *site) redact(text string) string {
	s.mu.Lock()
	known := machine.Command{Secrets: []string{string(s.tokens.server), string(s.tokens.agent)}}
	s.mu.Unlock()
	return fullToken.ReplaceAllString(known.Redact(strings.ToValidUTF8(text, "")), "***")
}
