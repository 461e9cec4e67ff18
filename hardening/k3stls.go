package hardening

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// certificateMargin is how long a certificate has to last still.
const certificateMargin = 30 * 24 * time.Hour

func checkK3sTLS(f *facts.Facts, p Policy) Verdict {
	var j wireJudge
	j.refuses(f, dialKubeletOld)
	j.refuses(f, dialKubeletBad)
	j.lasts(f, dialPods)
	if p.Cluster.Server {
		j.refuses(f, dialAPIOld)
		j.refuses(f, dialAPIWeak)
		j.lasts(f, dialAPI)
	}
	if len(j.wrong) == 0 && len(j.gaps) > 0 {
		return unknown(j.gaps...)
	}
	v := decide(j.wrong, "old versions and weak suites are refused", "")
	v.Evidence = append(v.Evidence, j.seen...)
	return v
}

// wireJudge gathers what tries at a port came to.
type wireJudge struct{ wrong, gaps, seen []string }

// refuses judges an offer that has to be turned down: by an alert, for one that
// was not even answered says nothing.
func (j *wireJudge) refuses(f *facts.Facts, name string) {
	a, gap := dialed(f, name)
	switch {
	case gap != "":
		j.gaps = append(j.gaps, gap)
	case a.TLS != "":
		j.wrong = append(j.wrong, fmt.Sprintf("%s: taken, %s with %s", name, a.TLS, a.Suite))
	case a.Alert == "":
		j.gaps = append(j.gaps, fmt.Sprintf("%s: %s %s", name, a.Outcome, a.Err))
	default:
		j.seen = append(j.seen, name+": "+a.Alert)
	}
}

// lasts judges the certificate that a port shows.
func (j *wireJudge) lasts(f *facts.Facts, name string) {
	a, gap := dialed(f, name)
	if gap == "" && a.Cert == nil {
		gap = fmt.Sprintf("%s: no certificate: %s %s", name, a.Outcome, a.Err)
	}
	if gap != "" {
		j.gaps = append(j.gaps, gap)
		return
	}
	j.seen = append(j.seen, fmt.Sprintf("%s: %s with %s, certificate until %s", name, a.TLS, a.Suite, a.Cert.NotAfter))
	for _, end := range []string{a.Cert.NotAfter, a.Cert.ChainEnd} {
		if end == "" {
			continue // nothing came with the certificate
		}
		at, err := time.Parse(time.RFC3339, end)
		switch {
		case err != nil:
			j.gaps = append(j.gaps, name+": certificate until "+end)
		case at.Sub(time.Unix(f.System.UnixTime, 0)) < certificateMargin:
			j.wrong = append(j.wrong, fmt.Sprintf("%s: a certificate ends at %s", name, end))
		}
	}
}

// k3sInnerPorts are those that K3s keeps on loopback (K3s docs, Requirements, and
// the defaults of its parts): the API behind its front, kubelet's health,
// kube-proxy, the controllers, the scheduler, etcd's metrics, containerd's streams.
func k3sInnerPorts() []int {
	return []int{2381, 2382, 6444, 10010, 10248, 10249, 10256, 10257, 10258, 10259}
}

func checkLoopbackPorts(f *facts.Facts, _ Policy) Verdict {
	var wrong, seen []string
	for _, l := range f.Listeners {
		if l.Proto != "tcp" || !slices.Contains(k3sInnerPorts(), l.Port) {
			continue
		}
		line := fmt.Sprintf("%s:%d by %s", l.Address, l.Port, l.Process)
		seen = append(seen, line)
		if a, err := netip.ParseAddr(l.Address); err != nil || !a.Unmap().IsLoopback() {
			wrong = append(wrong, line)
		}
	}
	if len(seen) == 0 {
		return unknown("nothing listens at any of these ports: K3s does not run as it should")
	}
	v := decide(wrong, fmt.Sprintf("%d sockets, %d of them open to others", len(seen), len(wrong)), "")
	if len(wrong) == 0 {
		v.Evidence = seen
	}
	return v
}
