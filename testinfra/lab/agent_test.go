//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/fakepve"
)

// scripted is an agent that gives the answers in their order, and remembers
// what it was told. Without an answer it is not there.
func scripted(told *[]string, answers ...string) guestAgent {
	return func(_ context.Context, order string) ([]byte, error) {
		*told = append(*told, order)
		if len(answers) == 0 {
			return nil, errors.New("exit status 1")
		}
		answer := answers[0]
		answers = answers[1:]
		if answer == "" {
			return nil, errors.New("exit status 1: guest agent command failed")
		}
		return []byte(answer), nil
	}
}

func TestTheAgentRunsAProgramAndTellsItsEnd(t *testing.T) {
	t.Parallel()
	var told []string
	a := scripted(&told, `{"return":{"pid":7}}`, `{"return":{"exited":false}}`,
		`{"return":{"exited":true,"exitcode":3,"out-data":"b3V0Cg==","err-data":"ZXJyCg=="}}`)
	res, err := a.run(t.Context(), fakepve.Command{Argv: []string{"sh", "-c", "cat; exit 3"}, Stdin: []byte("in\n")})
	if err != nil || res.Exit != 3 || string(res.Stdout) != "out\n" || string(res.Stderr) != "err\n" {
		t.Fatalf("%+v, %v", res, err)
	}
	var start struct {
		Execute   string
		Arguments struct {
			Path    string
			Arg     []string
			Input   []byte `json:"input-data"`
			Capture bool   `json:"capture-output"`
		}
	}
	if err := json.Unmarshal([]byte(told[0]), &start); err != nil {
		t.Fatal(err)
	}
	ran := start.Arguments
	if start.Execute != "guest-exec" || !ran.Capture || string(ran.Input) != "in\n" || !slices.Equal(ran.Arg[2:], []string{"sh", "-c", "cat; exit 3"}) {
		t.Errorf("told to start: %s", told[0])
	}
	if want := `{"execute":"guest-exec-status","arguments":{"pid":7}}`; len(told) != 3 || told[1] != want || told[2] != want {
		t.Errorf("told afterwards: %v", told[1:])
	}
}

func TestAnAgentThatIsNotThereIsToldFromOneThatRefuses(t *testing.T) {
	t.Parallel()
	var told []string
	order := fakepve.Command{Argv: []string{"true"}}
	for name, c := range map[string]struct {
		answers []string
		absent  bool
		says    string
	}{
		"not there":      {nil, true, ""},
		"refuses":        {[]string{"", `{"return":{}}`}, false, "guest agent command failed"},
		"goes meanwhile": {[]string{`{"return":{"pid":7}}`}, true, ""},
		"killed program": {[]string{`{"return":{"pid":7}}`, `{"return":{"exited":true,"signal":9}}`}, false, "signal 9"},
		"half an answer": {[]string{`{"return":`}, false, "read the guest agent's answer"},
		"no result":      {[]string{`{}`}, false, "no result"},
		"other result":   {[]string{`{"return":[]}`}, false, "read the guest agent's answer"},
	} {
		_, err := scripted(&told, c.answers...).run(t.Context(), order)
		if err == nil || errors.Is(err, fakepve.ErrNoAgent) != c.absent || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := scripted(&told).run(t.Context(), fakepve.Command{}); !errors.Is(err, fakepve.ErrNoAgent) {
		t.Errorf("no program: %v", err)
	}
}

func TestAWaitForAProgramEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := guestAgent(func(_ context.Context, order string) ([]byte, error) {
		if strings.Contains(order, "status") {
			cancel()
			return []byte(`{"return":{"exited":false}}`), nil
		}
		return []byte(`{"return":{"pid":7}}`), nil
	})
	if _, err := a.run(ctx, fakepve.Command{Argv: []string{"sleep"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTheAgentTellsTheAddressesOfTheLAN(t *testing.T) {
	t.Parallel()
	var told []string
	const links = `{"return":[{"name":"lo","ip-addresses":[{"ip-address-type":"ipv4","ip-address":"127.0.0.1","prefix":8}]},
		{"name":"eth0","hardware-address":"bc:24:11:43:98:b2","ip-addresses":[{"ip-address-type":"ipv4","ip-address":"10.77.0.11","prefix":24},
		{"ip-address-type":"ipv6","ip-address":"fe80::1","prefix":64}]},{"name":"down"}]}`
	if got := scripted(&told, links).addresses(t.Context()); !slices.Equal(got, []string{"10.77.0.11"}) {
		t.Errorf("%v", got)
	}
	if got := scripted(&told).addresses(t.Context()); got != nil {
		t.Errorf("a machine that boots has %v", got)
	}
}
