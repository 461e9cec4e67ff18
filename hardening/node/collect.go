package node

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// Collect looks at everything at once, but for the walk over the disks. A part
// that cannot be looked at is nil and named in Problems; it never keeps the
// others from being reported.
func Collect(ctx context.Context, h Host, r facts.Request) facts.Facts {
	f := facts.Facts{Version: facts.Version}
	c := collector{ctx: ctx, only: r.Only}
	// The session is cheap and the others want it: sshd is also asked for the
	// address that the operator really came from.
	c.part("session", func() (err error) { f.Session, err = h.session(); return })
	c.wait.Wait()
	c.part("sshd", func() error {
		var loginErr error
		var err error
		f.SSHD, err = h.sshd(ctx, r, f.Session)
		c.sshdFiles(h, &f)
		f.Logins, loginErr = h.logins(ctx, r.Users, f.SSHD)
		keepKeywords(cellsOf(f.SSHD), r.Keywords)
		c.problem("logins", loginErr)
		return err
	})
	c.part("offer", func() (err error) { f.Offer, err = h.offer(ctx, f.Session); return })
	c.part("system", func() (err error) { f.System, err = h.system(ctx); return })
	c.part("firewall", func() (err error) { f.Firewall, err = h.firewall(ctx, r); return })
	c.part("units", func() (err error) { f.Units, err = h.units(ctx, r.Units); return })
	c.part("packages", func() (err error) { f.Packages, err = h.packages(r.Packages); return })
	c.part("sysctls", func() error { return c.each("sysctls", h.sysctls(r.Sysctls, &f.Sysctls)) })
	c.part("files", func() error { return c.each("files", h.files(r.Files, &f.Files)) })
	c.part("listeners", func() (err error) { f.Listeners, err = h.listeners(); return })
	c.part("wire", func() (err error) { f.Wire, err = wire(ctx, r.Wire); return })
	c.part("accounts", func() (err error) { f.Accounts, err = h.accountFacts(); return })
	c.part("sudo", func() (err error) { f.Sudo, err = h.sudo(ctx); return })
	c.part("apt", func() (err error) { f.Apt, err = h.aptFacts(); return })
	c.part("updates", func() (err error) { f.Updates, err = h.updates(); return })
	c.part("kernels", func() (err error) { f.Kernels, err = h.kernels(); return })
	c.part("mounts", func() (err error) { f.Mounts, err = h.mounts(); return })
	c.part("integrity", func() error { return c.each("integrity", h.integrity(r.Verify, &f.Integrity)) })
	c.part("stats", func() error { return c.each("stats", h.stats(r.Stats, &f.Stats)) })
	if r.K3s != nil {
		f.K3s = h.k3s(&c, *r.K3s)
	}
	c.part("modules", func() (err error) { f.Modules, err = h.modules(r.Modules); return })
	c.part("failedUnits", func() (err error) { f.FailedUnits, err = h.failedUnits(ctx); return })
	c.part("clock", func() (err error) { f.Clock, err = h.clock(); return })
	c.part("journal", func() (err error) { f.Journal, err = h.records(ctx); return })
	c.part("pending", func() (err error) { f.Pending, err = h.pending(); return })
	c.part("last", func() (err error) { f.Last, err = h.last(); return })
	c.wait.Wait()
	// A walk keeps a slow machine so busy that its API would not answer in time
	// to what this look asks it.
	if r.Deep {
		c.part("deep", func() (err error) { f.Deep, err = h.cachedDeep(ctx); return })
		c.wait.Wait()
	}
	slices.SortFunc(c.problems, func(a, b facts.Problem) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Error, b.Error))
	})
	f.Problems = c.problems
	return f
}

// sshdFiles looks at what sshd's settings lead to. All of it holds for every
// login, so that the first cell tells it.
func (c *collector) sshdFiles(h Host, f *facts.Facts) {
	var settings map[string][]string
	var origins []facts.Origin
	if cells := cellsOf(f.SSHD); len(cells) > 0 {
		settings, origins = cells[0].Settings, f.SSHD.Origins
	}
	keys, pidFile, moduli := settings["hostkey"], strings.Join(settings["pidfile"], ""), strings.Join(settings["modulifile"], "")
	c.part("hostKeys", func() (err error) { f.HostKeys, err = h.hostKeys(keys); return })
	c.part("daemon", func() (err error) { f.Daemon, err = h.daemon(pidFile, origins, keys); return })
	c.part("moduli", func() (err error) { f.Moduli, err = h.moduli(moduli); return })
}

// collector runs the parts beside one another and gathers their failures.
type collector struct {
	ctx      context.Context
	only     []string // the parts to look at; none is all
	wait     sync.WaitGroup
	mu       sync.Mutex
	problems []facts.Problem
}

func (c *collector) part(name string, look func() error) {
	if len(c.only) > 0 && !slices.Contains(c.only, name) {
		return
	}
	c.wait.Go(func() { c.problem(name, look()) })
}

func (c *collector) problem(part string, err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, facts.Problem{Part: part, Error: err.Error()})
}

// each names the entries of a part that are missing from it.
func (c *collector) each(part string, missing map[string]error) error {
	for name, err := range missing {
		c.problem(part+" "+name, err)
	}
	return nil
}
