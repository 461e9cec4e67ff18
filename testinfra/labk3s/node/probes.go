package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probes are those of one run of a container.
type probes struct {
	stop            context.CancelFunc
	begun, good     atomic.Bool
	mustBegin, must bool // there is a startup probe, a readiness probe
}

func (p *probes) started() bool { return !p.mustBegin || p.begun.Load() }
func (p *probes) ready() bool   { return !p.must || p.good.Load() }

// startProbes begins to probe; what they find wakes the worker.
func startProbes(w *worker, c *container) *probes {
	ctx, stop := context.WithCancel(context.Background())
	spec := c.spec
	p := &probes{stop: stop, mustBegin: spec.StartupProbe != nil, must: spec.ReadinessProbe != nil}
	// An adopted container was ready: until a probe says otherwise it still is.
	p.good.Store(wasReady(w.current(), spec.Name) && c.Restarts == restartsOf(w.current(), spec.Name))
	proc, ip, patient := c.proc, w.ip, w.pods.node.patient
	fatal := func(what string) func(bool) {
		return func(ok bool) {
			if !ok {
				w.pods.events.Eventf(w.current(), corev1.EventTypeWarning, "Unhealthy", "%s probe failed, container will be restarted", what)
				go proc.stop(grace(w.current()))
			}
		}
	}
	go func() {
		if spec.StartupProbe != nil {
			begun := probe{patient(spec.StartupProbe), ip, spec.Ports}
			begun.until(ctx, func(ok bool) {
				p.begun.Store(ok)
				fatal("Startup")(ok)
			})
			w.poke()
		}
		if spec.LivenessProbe != nil {
			go probe{patient(spec.LivenessProbe), ip, spec.Ports}.forever(ctx, true, fatal("Liveness"))
		}
		if spec.ReadinessProbe != nil {
			probe{spec.ReadinessProbe, ip, spec.Ports}.forever(ctx, p.good.Load(), func(ok bool) {
				p.good.Store(ok)
				w.poke()
			})
		}
	}()
	return p
}

func grace(pod *corev1.Pod) time.Duration {
	if s := pod.Spec.TerminationGracePeriodSeconds; s != nil {
		return time.Duration(*s) * time.Second
	}
	return 30 * time.Second
}

func statusOf(pod *corev1.Pod, container string) corev1.ContainerStatus {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == container {
			return s
		}
	}
	return corev1.ContainerStatus{RestartCount: -1}
}

func wasReady(pod *corev1.Pod, container string) bool { return statusOf(pod, container).Ready }

func restartsOf(pod *corev1.Pod, container string) int {
	return int(statusOf(pod, container).RestartCount)
}

// emulatedPatience is how many times as many failures end a container on an
// emulated processor: beside a whole machine that starts Traefik takes longer
// than the 25 s that its own probe gives it.
const emulatedPatience = 6

// patient is a probe whose failure ends a container.
func (c Config) patient(p *corev1.Probe) *corev1.Probe {
	if !c.Emulated {
		return p
	}
	out := p.DeepCopy()
	out.FailureThreshold = emulatedPatience * max(p.FailureThreshold, 1)
	return out
}

// probe asks a container how it is.
type probe struct {
	*corev1.Probe
	host  string // if the probe names none
	ports []corev1.ContainerPort
}

// forever tells each change of mind, beginning with what was known.
func (p probe) forever(ctx context.Context, known bool, tell func(bool)) {
	same := 0
	for wait := seconds(p.InitialDelaySeconds, 0); sleep(ctx, wait) == nil; wait = seconds(p.PeriodSeconds, 10) {
		ok := p.once(ctx) == nil
		if ctx.Err() != nil {
			return
		}
		if ok == known {
			same = 0
			continue
		}
		same++
		need := max(p.FailureThreshold, 1)
		if ok {
			need = max(p.SuccessThreshold, 1)
		}
		if same >= int(need) {
			known, same = ok, 0
			tell(ok)
		}
	}
}

// until probes up to the first success, or until it has failed too often.
func (p probe) until(ctx context.Context, tell func(bool)) {
	failures := int32(0)
	for wait := seconds(p.InitialDelaySeconds, 0); sleep(ctx, wait) == nil; wait = seconds(p.PeriodSeconds, 10) {
		err := p.once(ctx)
		if err != nil {
			failures++
		}
		if err == nil || failures >= max(p.FailureThreshold, 1) {
			tell(err == nil)
			return
		}
	}
}

func seconds(given int32, otherwise int) time.Duration {
	if given == 0 {
		return time.Duration(otherwise) * time.Second
	}
	return time.Duration(given) * time.Second
}

func (p probe) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, seconds(p.TimeoutSeconds, 1))
	defer cancel()
	if p.TCPSocket != nil {
		return p.connect(ctx)
	}
	return p.get(ctx)
}

func (p probe) connect(ctx context.Context) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.address(p.TCPSocket.Host, p.TCPSocket.Port))
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return c.Close()
}

func (p probe) get(ctx context.Context) error {
	g := p.HTTPGet
	url := strings.ToLower(string(g.Scheme))
	if url == "" {
		url = "http"
	}
	url += "://" + p.address(g.Host, g.Port) + "/" + strings.TrimPrefix(g.Path, "/")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	for _, h := range g.HTTPHeaders {
		request.Header.Add(h.Name, h.Value)
	}
	// Like the kubelet it asks whether the container answers, not who it is.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 10<<10))
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("probe: HTTP probe failed with statuscode: %d", response.StatusCode)
	}
	return nil
}

func (p probe) address(host string, port intstr.IntOrString) string {
	if host == "" {
		host = p.host
	}
	number := port.IntValue()
	for _, named := range p.ports {
		if port.Type == intstr.String && named.Name == port.StrVal {
			number = int(named.ContainerPort)
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(number))
}
