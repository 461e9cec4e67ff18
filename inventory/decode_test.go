package inventory

import (
	"encoding"
	"reflect"
	"strings"
	"testing"
)

// edit is a change of k3sedge.yaml and the problems it leads to.
type edit struct {
	name  string
	pairs []string // old, new
	want  []string
}

func (e edit) run(t *testing.T, file string) {
	t.Helper()
	t.Run(e.name, func(t *testing.T) {
		t.Parallel()
		f := newFolder(t, file)
		f.replace(e.pairs...)
		f.expect(e.want...)
	})
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, e := range []edit{
		{"unknown key", []string{"name: home", "name: home\ncolour: red"}, []string{"k3sedge.yaml:4: colour: unknown key"}},
		{"slip of a required key", []string{"address: 10.0.0.12", "adress: 10.0.0.12"}, []string{"k3sedge.yaml:28: nodes[1].adress: unknown key"}},
		{"strange key", []string{"name: home", "name: home\n\"a\\e[31m b\": red"}, []string{`k3sedge.yaml:4: "a\x1b[31m b": unknown key`}},
		{"long key", []string{"name: home", "name: home\n" + strings.Repeat("x", 60) + ": red"}, []string{`k3sedge.yaml:4: "` + strings.Repeat("x", 40) + `\u2026": unknown key`}},
		{"key twice", []string{"name: home", "name: home\nname: other"}, []string{"k3sedge.yaml:4: name: stands here twice, first in line 3"}},
		{"unknown key twice", []string{"name: home", "name: home\ncolour: 1\ncolour: 2"},
			[]string{"k3sedge.yaml:4: colour: unknown key", "k3sedge.yaml:5: colour: stands here twice, first in line 4"}},
		{"list as a key", []string{"name: home", "name: home\n? [a]\n: b"}, []string{"k3sedge.yaml:4: a key is plain text"}},
		{"merge key", []string{"network:", "network:\n  <<: {cidr: 10.0.0.0/24}"}, []string{"k3sedge.yaml:17: network: a key is plain text"}},
		{"text for a number", []string{"ssh:", "ssh:\n  port: ssh"}, []string{"k3sedge.yaml:20: ssh.port: a whole number is expected here, not text"}},
		{"quoted number", []string{"ssh:", "ssh:\n  port: \"22\""}, []string{"k3sedge.yaml:20: ssh.port: a whole number is expected here, not text"}},
		{"octal", []string{"ssh:", "ssh:\n  port: 022"}, []string{"k3sedge.yaml:20: ssh.port: a whole number is expected here, not this number"}},
		{"fraction", []string{"ssh:", "ssh:\n  port: 2.2"}, []string{"k3sedge.yaml:20: ssh.port: a whole number is expected here, not this number"}},
		{"zero", []string{"ssh:", "ssh:\n  port: 0"}, []string{"k3sedge.yaml:20: ssh.port: must be 1 or more"}},
		{"number for text", []string{"name: home", "name: 2024"}, []string{"k3sedge.yaml:3: name: text is expected here, not this number"}},
		{"date for text", []string{"name: home", "name: 2024-01-02"}, []string{"k3sedge.yaml:3: name: text is expected here, not a date"}},
		{"bool for text", []string{"name: home", "name: true"}, []string{"k3sedge.yaml:3: name: text is expected here, not true or false"}},
		{"text for bool", []string{"ssh:", "ssh:\n  agent: maybe"}, []string{"k3sedge.yaml:20: ssh.agent: true or false is expected here, not text"}},
		{"list for text", []string{"name: home", "name: [home]"}, []string{"k3sedge.yaml:3: name: text is expected here, not a list"}},
		{"keys for text", []string{"name: home", "name: {is: home}"}, []string{"k3sedge.yaml:3: name: text is expected here, not keys with values"}},
		{"two lines", []string{"name: home", "name: |\n  home\n  sweet"}, []string{"k3sedge.yaml:3: name: line breaks and control characters are not allowed here"}},
		{"text for keys", []string{"network:\n  cidr: 10.0.0.0/24\n  gateway: 10.0.0.1", "network: lan"}, []string{"k3sedge.yaml:16: network: keys with values are expected here, not text"}},
		{"text for a list", []string{"    - ~/.ssh/id", "    ~/.ssh/id"}, []string{"k3sedge.yaml:21: ssh.identities: a list is expected here, not text"}},
		{"hole in a list", []string{"    - ~/.ssh/id", "    -"}, []string{"k3sedge.yaml:21: ssh.identities[0]: is empty"}},
		{"no address", []string{"10.0.0.12", "edge.lan"}, []string{"k3sedge.yaml:28: nodes[1].address: not an IP address"}},
		{"list for an address", []string{"10.0.0.12", "[10.0.0.12]"}, []string{"k3sedge.yaml:28: nodes[1].address: an IP address is expected here, not a list"}},
		{"no network", []string{"10.0.0.0/24", "10.0.0.0/33"}, []string{"k3sedge.yaml:17: network.cidr: not a network"}},
		{"empty address", []string{"10.0.0.12", "''"}, []string{"k3sedge.yaml:28: nodes[1].address: is missing"}},
		{"no size", []string{"10.0.0.12", "10.0.0.12\n    memory: 4GB"}, []string{"k3sedge.yaml:29: nodes[1].memory: not a size"}},
		{"no range", []string{"    node: pve", "    node: pve\n    vmids: 20-10"}, []string{"k3sedge.yaml:13: provider.proxmox.vmids: not a range"}},
		{"anchor", []string{"name: home", "name: &n home"}, []string{"k3sedge.yaml:3: name: anchors are not allowed"}},
		{"alias", []string{"name: home", "name: &n home", "node: pve", "node: *n"},
			[]string{"k3sedge.yaml:3: name: anchors are not allowed", "k3sedge.yaml:12: provider.proxmox.node: aliases are not allowed"}},
		{"tag", []string{"name: home", "name: !!str home"}, []string{"k3sedge.yaml:3: name: tags are not allowed"}},
	} {
		e.run(t, "proxmox.yaml")
	}
	// A provider that was not understood is not missing as well.
	edit{"text for a provider", []string{"  existing:", "  existing: yes\n  other:"}, []string{
		"k3sedge.yaml:6: provider.existing: keys with values are expected here, not text", "k3sedge.yaml:7: provider.other: unknown key",
	}}.run(t, "existing.yaml")
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += string(c) + ": &" + string(c) + " [*" + string(c-1) + ",*" + string(c-1) + "]\n"
	}
	for _, tc := range []struct{ name, content, want string }{
		{"empty", "", "k3sedge.yaml:1: is empty"},
		{"comment only", "# nothing\n", "k3sedge.yaml:1: is empty"},
		{"null", "---\n~\n", "k3sedge.yaml:1: is empty"},
		{"list", "- a\n", "k3sedge.yaml:1: keys with values are expected here, not a list"},
		{"text", "hello\n", "k3sedge.yaml:1: keys with values are expected here, not text"},
		{"tab", "kind: Cluster\n\tname: x\n", "k3sedge.yaml:2: not valid YAML: found a tab character that violates indentation"},
		{"not closed", "kind: Cluster\nname: \"x\n", "k3sedge.yaml:2: not valid YAML: found unexpected end of stream"},
		{"binary", "\x00\x01", "k3sedge.yaml:1: not valid YAML: control characters are not allowed"},
		{"Latin-1", "name: M\xfcller\n", "k3sedge.yaml:1: is not UTF-8 text"},
		{"UTF-16", "\xfe\xff\x00a", "k3sedge.yaml:1: is not UTF-8 text"},
		{"deep", strings.Repeat("[", 20000), "k3sedge.yaml:1: not valid YAML: exceeded max depth of 10000"},
		// What looks like an alias may be a password that begins with a star.
		{"star", "kind: Cluster\nid: *hunter2\n", "k3sedge.yaml:1: not valid YAML: unknown anchor '…' referenced"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, "existing.yaml")
			f.write("k3sedge.yaml", tc.content, 0o644)
			f.expect(tc.want)
		})
	}
	f := newFolder(t, "existing.yaml")
	f.write("k3sedge.yaml", bomb, 0o644)
	if got := f.problems(); len(got) < 25 {
		t.Errorf("an alias bomb leads to %d problems, want one for each of its lines", len(got))
	}
}

func TestSeveralDocuments(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "existing.yaml")
	f.write("k3sedge.yaml", testdata(t, "existing.yaml")+"---\nkind: Cluster\n", 0o644)
	f.expect("k3sedge.yaml:17: a second document begins here")
	f.write("k3sedge.yaml", testdata(t, "existing.yaml")+"---\nkind: [\n", 0o644)
	f.expect("k3sedge.yaml:18: not valid YAML: did not find expected node content")
}

func TestUnknownKeyHints(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"gatway":  `did you mean "gateway"?`,
		"GATEWAY": `did you mean "gateway"?`,
		"cdir":    `did you mean "cidr"?`,
		"dsn":     `did you mean "dns"?`,
		"mtu":     "the keys here are cidr, gateway, dns, ipv6",
		"":        "the keys here are cidr, gateway, dns, ipv6",
	} {
		f := newFolder(t, "existing.yaml")
		f.replace("network:", "network:\n  \""+key+"\": 1")
		_, err := f.load()
		problems, ok := err.(Problems)
		if !ok || len(problems) != 1 || problems[0].Hint != want {
			t.Errorf("%q: %#v, want the hint %s", key, err, want)
		}
	}
	f := newFolder(t, "existing.yaml")
	f.replace("existing:", "existing: {hosts: 1}")
	_, err := f.load()
	if problems, ok := err.(Problems); !ok || problems[0].Hint != "no keys are known here" {
		t.Errorf("key of existing: %#v", err)
	}
}

// A new field must be of a kind that decode can fill, and named.
func TestEveryFieldCanBeDecoded(t *testing.T) {
	t.Parallel()
	for _, v := range []any{Cluster{}, Service{}} {
		decodable(t, reflect.TypeOf(v), reflect.TypeOf(v).Name())
	}
}

func decodable(t *testing.T, of reflect.Type, path string) {
	t.Helper()
	if reflect.PointerTo(of).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		if want, _ := wantOf(reflect.New(of).Interface().(encoding.TextUnmarshaler)); want == "such a value" {
			t.Errorf("%s: wantOf does not know %v", path, of)
		}
		return
	}
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice:
		decodable(t, of.Elem(), path)
	case reflect.Struct:
		for i := range of.NumField() {
			if keyOf(of.Field(i)) == "" {
				t.Errorf("%s.%s has no name in the file", path, of.Field(i).Name)
			}
			decodable(t, of.Field(i).Type, path+"."+of.Field(i).Name)
		}
	case reflect.String, reflect.Int, reflect.Bool:
	default:
		t.Errorf("%s: %v cannot be decoded", path, of)
	}
}
