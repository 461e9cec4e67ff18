package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/machine/look"
	"github.com/k3sedge/k3sedge/testinfra/fakekube"
)

// kubeHost is the cluster on a script's node: an API server and what the
// node's agent answers.
type kubeHost struct {
	*fakekube.Kube
	server *fakekube.Server
	agent  string // the file that the agent reads its answers from
	seen   nodeAnswers
}

// nodeAnswers are what the stand-in of the node agent says.
type nodeAnswers struct {
	Kubeconfig []byte // of K3s; empty while it has not started
	Unit       string // state of its unit
	// Dials are what is found at an address, the last match first; what is
	// not named answers 200.
	Dials map[string]look.DialAnswer
}

// kubeCommand is the command kube of the scripts:
//
//	kube                        makes the node of sshd the server of a cluster with Traefik
//	kube two                    the same, with a second node that is switched off
//	kube bare                   the same, before K3s was started
//	kube put FILE               puts objects of somebody else into the cluster
//	kube dial ADDRESS OUTCOME [STATUS]  what the node finds at an address
//	kube unit STATE             the state of the node's k3s.service
//	kube away                   lets the API refuse connections
//	kube fault METHOD PATH      lets such requests fail; kube mend ends that
//	kube has PATH               wants an object of k3sedge there
//	kube free NAME              wants nothing of a service in the cluster
//	kube untouched              wants that something was asked and nothing changed
func kubeCommand(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	if neg {
		ts.Fatalf("kube cannot be negated")
	}
	switch {
	case word == "" || word == "two" || word == "bare":
		w.startCluster(ts, word)
	case word == "put" && len(args) == 2:
		ts.Check(w.kube.put(ts.ReadFile(args[1])))
	case word == "dial" && len(args) >= 3:
		w.kube.dial(ts, args[1], args[2:])
	case word == "unit" && len(args) == 2:
		w.kube.seen.Unit = args[1]
		w.kube.tell(ts)
	case word == "away":
		w.kube.server.Close()
	case word == "fault" && len(args) == 3:
		ts.Check(w.kube.Fault(fakekube.Fault{Method: args[1], Path: args[2], Trouble: fakekube.Error, Status: http.StatusInternalServerError}))
	case word == "mend":
		w.kube.ClearFaults()
	case word == "has" && len(args) == 2:
		if w.kube.Object(args[1]) == nil {
			ts.Fatalf("there is no %s among\n%s", args[1], strings.Join(w.kube.Paths(), "\n"))
		}
	case word == "free" && len(args) == 2:
		w.kube.free(ts, args[1])
	case word == "untouched":
		if len(w.kube.Requests()) == 0 || len(w.kube.Writes()) > 0 {
			ts.Fatalf("%d requests, and these are to change something: %+v", len(w.kube.Requests()), w.kube.Writes())
		}
	default:
		ts.Fatalf("kube: do not know %q", args)
	}
}

// startCluster makes a node and its cluster, and writes k3sedge.yaml for both.
func (w *world) startCluster(ts *testscript.TestScript, what string) {
	ts.Check(os.RemoveAll(filepath.Join(w.dir, ".k3sedge"))) // another machine, another key
	w.startNode("", func(c *inventory.Cluster) {
		c.K3s, c.Nodes[0].Role, c.Nodes[0].HostKey = &inventory.K3s{}, inventory.Server, w.node.HostKey()
		if what == "two" {
			c.Nodes = append(c.Nodes, inventory.Node{Name: "edge-2", Role: inventory.Agent, Address: netip.MustParseAddr("127.0.0.2"), HostKey: w.node.HostKey()})
		}
	})
	k := &kubeHost{Kube: fakekube.New(slices.Concat(fakekube.Traefik(), fakekube.CertManager())...), agent: filepath.Join(w.dir, "agent.json")}
	server, err := k.Serve()
	ts.Check(err)
	ts.Defer(server.Close)
	k.server = server
	w.node.Redirect("127.0.0.1:6443", server.Address())
	objects, err := os.ReadFile(filepath.Join("testdata", "kube", "cluster.yaml"))
	ts.Check(errors.Join(err, k.put(string(objects))))
	k.seen = nodeAnswers{Kubeconfig: server.Kubeconfig(), Unit: "active", Dials: map[string]look.DialAnswer{}}
	if what == "bare" {
		k.seen.Kubeconfig, k.seen.Unit = nil, "inactive"
	}
	k.tell(ts)
	program, err := exec.LookPath("k3snode")
	ts.Check(err)
	w.node.agent(fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' \"$1\"\n", program, k.agent))
	w.kube = k
}

// put makes the objects of a YAML text.
func (k *kubeHost) put(text string) error {
	documents := yaml.NewDecoder(strings.NewReader(text))
	for {
		var object map[string]any
		switch err := documents.Decode(&object); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := k.Put("somebody", object); err != nil {
			return err
		}
	}
}

func (k *kubeHost) dial(ts *testscript.TestScript, address string, words []string) {
	answer := look.DialAnswer{Outcome: look.Outcome(words[0])}
	if len(words) > 1 {
		status, err := strconv.Atoi(words[1])
		ts.Check(err)
		answer.Status = status
	}
	k.seen.Dials[address] = answer
	k.tell(ts)
}

// tell lets the agent know its answers.
func (k *kubeHost) tell(ts *testscript.TestScript) {
	data, err := json.Marshal(k.seen)
	ts.Check(errors.Join(err, os.WriteFile(k.agent, data, 0o600)))
}

func (k *kubeHost) free(ts *testscript.TestScript, service string) {
	if len(k.Requests()) == 0 {
		ts.Fatalf("the cluster was not asked anything")
	}
	own := regexp.MustCompile(`/(edge-)?` + regexp.QuoteMeta(service) + `(/|$|-)`)
	if i := slices.IndexFunc(k.Paths(), own.MatchString); i >= 0 {
		ts.Fatalf("%s is still there", k.Paths()[i])
	}
}

// k3sNode is the program in the place of the node agent: k3snode FILE facts|look.
func k3sNode() {
	if err := answerAsNode(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
}

func answerAsNode(file, subcommand string) error {
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if subcommand == "facts" {
		_, err := fmt.Println(`{"version": 1}`) // every control is unknown
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var said nodeAnswers
	var asked look.Request
	if err := errors.Join(json.Unmarshal(text, &said), json.NewDecoder(bytes.NewReader(stdin)).Decode(&asked)); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(said.answer(asked))
}

// answer says something of all that is asked, as the agent does.
func (n nodeAnswers) answer(r look.Request) look.Answer {
	a := look.Answer{
		Version: look.Version, Time: time.Now(), Arch: "amd64", Files: map[string]look.File{}, Units: map[string]look.Unit{}, Spaces: map[string]look.Space{},
		Ports: []look.Port{{Proto: "tcp", Address: "0.0.0.0", Port: 22}}, Interfaces: map[string]string{"127.0.0.1": "eth0"},
	}
	for _, f := range r.Files {
		a.Files[f.Path] = look.File{Absent: true}
		if filepath.Base(f.Path) == "k3s.yaml" && len(n.Kubeconfig) > 0 {
			a.Files[f.Path] = look.File{Mode: 0o600, Size: int64(len(n.Kubeconfig)), Content: n.Kubeconfig}
		}
	}
	for _, u := range r.Units {
		a.Units[u] = look.Unit{Load: "not-found", Active: "inactive"}
		if u == "k3s.service" {
			a.Units[u] = look.Unit{Load: "loaded", Active: n.Unit}
		}
	}
	for _, s := range r.Spaces {
		a.Spaces[s] = look.Space{Free: 20 << 30, Total: 30 << 30}
	}
	for _, d := range r.Dials {
		found, ok := n.Dials[d.Address]
		if !ok {
			found = look.DialAnswer{Outcome: look.Answered, Status: http.StatusOK}
			if d.TLS && !d.HTTP {
				found = look.DialAnswer{Outcome: look.Answered, TLS: "TLS 1.3", Cert: ownCert(d.ServerName)}
			}
		}
		a.Dials = append(a.Dials, found)
	}
	return a
}

// ownCert is what the one server of a host shows, asked past the edge or not.
func ownCert(host string) *look.Cert {
	return &look.Cert{SHA256: "of " + host, Subject: "CN=" + host, Issuer: "CN=home", Names: []string{host}, NotAfter: "2099-01-01T00:00:00Z"}
}
