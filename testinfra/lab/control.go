//go:build linux

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/k3sedge/k3sedge/provision/machine"
	"github.com/k3sedge/k3sedge/testinfra/fakecloudflare"
	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// daemon answers on the control socket.
type daemon struct {
	lab   *Lab
	fleet *fleet
	pve   *fakepve.Server
	cloud *fakecloudflare.Server
	image Image
	// token opens the stand-in's switches.
	token string
}

// Status is what a lab looks like.
type Status struct {
	Name string `json:"name"`
	Up   bool   `json:"up"`
	// Kind is what runs the machines: MachinesNspawn or MachinesLibvirt.
	Kind     string `json:"kind,omitempty"`
	Proxmox  string `json:"proxmox,omitempty"`
	TLSPin   string `json:"tlsPin,omitempty"`
	TokenID  string `json:"tokenID,omitempty"`
	ImageURL string `json:"imageURL,omitempty"`
	// ImageChecksum is in the form that k3sedge.yaml wants.
	ImageChecksum string          `json:"imageChecksum,omitempty"`
	Machines      []MachineStatus `json:"machines"`
	// Left are the machines that no daemon looks after.
	Left []string `json:"left,omitempty"`
}

// MachineStatus is what a machine looks like from outside.
type MachineStatus struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Running   bool     `json:"running"`
	PID       int      `json:"pid,omitempty"` // of its first process; none of a whole machine
	MAC       string   `json:"mac"`
	Addresses []string `json:"addresses,omitempty"`
	Console   string   `json:"console"`
}

// control are the daemon's orders.
func (d *daemon) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		s, err := d.status(r.Context())
		reply(w, s, err)
	})
	mux.HandleFunc("POST /restart/{machine}", func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, d.fleet.restart(r.Context(), r.PathValue("machine")))
	})
	mux.HandleFunc("POST /machines", func(w http.ResponseWriter, r *http.Request) {
		var p Plain
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&p)
		if err == nil {
			err = d.fleet.addPlain(r.Context(), p, d.image.Path)
		}
		reply(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /machines/{machine}/run", func(w http.ResponseWriter, r *http.Request) {
		var c fakepve.Command
		var res fakepve.Result
		err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&c)
		if err == nil {
			res, err = d.fleet.run(r.Context(), r.PathValue("machine"), c)
		}
		reply(w, res, err)
	})
	mux.HandleFunc("/lab/", func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Lab-Token", d.token)
		d.pve.ServeHTTP(w, r)
	})
	mux.Handle("/cloudflare/", http.StripPrefix("/cloudflare", d.cloud.Lab()))
	return mux
}

// refusal is an error on its way to the caller. The stand-in's have the same
// form, without a hint.
type refusal struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// reply answers with a document or with the error's words.
func reply(w http.ResponseWriter, answer any, err error) {
	if err != nil {
		refused := refusal{Message: err.Error()}
		var hinted interface{ Hint() string }
		if errors.As(err, &hinted) {
			refused.Hint = hinted.Hint()
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(refused)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the caller has gone away then
}

// status looks at everything.
func (d *daemon) status(ctx context.Context) (Status, error) {
	p := proxmox()
	s := Status{
		Name: d.lab.plan.name, Up: true, Kind: d.lab.machines(), Proxmox: p.Endpoint, TLSPin: d.pve.Pin(), TokenID: p.Token.ID,
		ImageURL: p.Image.URL, ImageChecksum: "sha512:" + d.image.SHA512, Machines: []MachineStatus{},
	}
	ids, err := d.lab.machineIDs()
	if err != nil {
		return Status{}, err
	}
	for _, id := range ids {
		sp, err := loadSpec(d.lab.folder(id))
		if err != nil {
			continue // cloned and never started, or just being removed
		}
		m := MachineStatus{ID: id, Name: sp.Name, MAC: sp.MAC, Console: d.lab.folder(id).path("console.log")}
		if r := d.fleet.current(id); r != nil {
			m.Running = true
			m.PID, m.Addresses = d.fleet.look(ctx, r)
		}
		s.Machines = append(s.Machines, m)
	}
	return s, nil
}

// look gives a machine's first process, if it can be seen from here, and its
// addresses on the LAN.
func (f *fleet) look(ctx context.Context, r *running) (pid int, ips []string) {
	name := f.lab.plan.machine(r.spec.ID)
	if f.lab.whole {
		return 0, f.lab.virt().agent(name).addresses(ctx)
	}
	pid, _ = initOf(r.proc)
	return pid, addresses(ctx, name)
}

// addresses lists a container's addresses on the LAN; none while it boots.
func addresses(ctx context.Context, namespace string) []string {
	out, err := run(ctx, "ip", "-n", namespace, "-j", "-4", "addr", "show", "dev", "eth0")
	if err != nil {
		return nil
	}
	var links []struct {
		Addresses []struct {
			Local string `json:"local"`
		} `json:"addr_info"`
	}
	if json.Unmarshal(out, &links) != nil || len(links) == 0 {
		return nil
	}
	var found []string
	for _, a := range links[0].Addresses {
		found = append(found, a.Local)
	}
	return found
}

// call gives the daemon an order and reads its answer into result, if not nil.
func (l *Lab) call(ctx context.Context, method, path string, body, result any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ask the lab's daemon: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, bytes.NewReader(sent))
	if err != nil {
		return fmt.Errorf("ask the lab's daemon: %w", err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", l.socket())
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport, Timeout: 2 * time.Minute}).Do(req)
	if err != nil {
		return fmt.Errorf("ask the lab's daemon: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("ask the lab's daemon: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return refusedBy(answer)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

// refusedBy makes an error of an answer that is not a success.
func refusedBy(answer []byte) error {
	var r refusal
	if json.Unmarshal(answer, &r) != nil || r.Message == "" {
		return errors.New(strings.TrimSpace(string(answer)))
	}
	err := errors.New(strings.TrimSpace(r.Message))
	if r.Hint == "" {
		return err
	}
	return machine.WithHint(err, "%s", r.Hint)
}
