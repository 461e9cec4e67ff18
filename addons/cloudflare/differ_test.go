package cloudflare

import (
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
)

func TestDiffer(t *testing.T) {
	t.Parallel()
	c := testCluster(inventory.EdgeTunnel)
	alias := Records(c, []inventory.Service{public("git")}, target(tunnelUUID))
	nodes := Records(c, []inventory.Service{lan("git")}, "")
	old, moved, hand := alias[0], alias[0], alias[0]
	old.Content, moved.Comment, hand.Comment = target(anotherID), recordMark(clusterID, "wiki"), ""
	other := Record{Name: alias[0].Name, Type: "CNAME", Content: "elsewhere.example.net", Proxied: true}
	address := Record{Name: alias[0].Name, Type: "A", Content: "192.0.2.66"}
	note := Record{Name: alias[0].Name, Type: "TXT", Content: "v=spf1"}
	const foreigner = "FOREIGN"
	for name, tc := range map[string]struct {
		adopt       bool
		want, there []Record
		told        string
	}{
		"new":                         {false, alias, nil, "record git.lab.test: absent -> CNAME " + target(tunnelUUID) + " (proxied)"},
		"there":                       {false, nodes, []Record{nodes[1], note, nodes[0]}, ""},
		"another tunnel":              {false, alias, []Record{old}, "record git.lab.test: CNAME " + target(anotherID) + " (proxied) -> CNAME " + target(tunnelUUID) + " (proxied)"},
		"another service":             {false, alias, []Record{moved}, "record git.lab.test: CNAME " + target(tunnelUUID) + " (proxied), for another service -> CNAME " + target(tunnelUUID) + " (proxied)"},
		"from the internet to LAN":    {false, nodes, alias, "record git.lab.test: CNAME " + target(tunnelUUID) + " (proxied) -> absent\nrecord git.lab.test: absent -> A 10.0.0.11 (DNS only)\nrecord git.lab.test: absent -> A 10.0.0.12 (DNS only)"},
		"a node less":                 {false, nodes[:1], nodes, "record git.lab.test: A 10.0.0.12 (DNS only) -> absent"},
		"a node with another address": {false, nodes, []Record{nodes[0], {Name: nodes[0].Name, Type: "A", Content: "10.0.0.99", Comment: nodes[0].Comment, zone: testZone}}, "record git.lab.test: A 10.0.0.99 (DNS only) -> A 10.0.0.12 (DNS only)"},
		"made by hand, as wanted":     {false, alias, []Record{hand}, ""},
		"made by hand, and adopted":   {true, alias, []Record{hand}, "record git.lab.test: CNAME " + target(tunnelUUID) + " (proxied), not k3sedge's -> CNAME " + target(tunnelUUID) + " (proxied)"},
		"a foreign alias":             {false, alias, []Record{other}, foreigner},
		"a foreign address":           {false, nodes, []Record{address}, foreigner},
		"a text does not matter":      {false, nil, []Record{note}, ""},
		"a foreign alias, adopted":    {true, nodes, []Record{other, note}, "record git.lab.test: CNAME elsewhere.example.net (proxied), not k3sedge's -> absent\nrecord git.lab.test: absent -> A 10.0.0.11 (DNS only)\nrecord git.lab.test: absent -> A 10.0.0.12 (DNS only)"},
		"adopt takes only what is in": {true, nodes, []Record{nodes[0], nodes[1], address}, ""},
	} {
		s := scope{cluster: clusterID, adopt: tc.adopt}
		edits, err := s.differ(tc.want, tc.there)
		var changes []converge.Change
		for _, e := range edits {
			changes = append(changes, e.change(s))
		}
		var f *ForeignError
		if tc.told == foreigner {
			if !errors.As(err, &f) || !strings.Contains(err.Error(), "  - "+tc.there[0].String()+"\n  + "+texts(tc.want)) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || told(changes) != tc.told {
			t.Errorf("%s:\n%s\nwant\n%s\n%v", name, told(changes), tc.told, err)
		}
	}
}
