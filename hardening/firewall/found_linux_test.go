package firewall

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the evaluator once judged otherwise than the kernel is kept, and
// must be judged, and rightly, for ever.
func TestCounterExamplesStayMended(t *testing.T) {
	needNamespaces(t)
	t.Parallel()
	n := newK3sNode(t)
	files, err := filepath.Glob(filepath.Join("testdata", "found", "*.nft"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no counter-examples: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			packets := packetsOf(t, string(content))
			n.node.load(t, string(content))
			if judged := n.agrees(t, string(content), packets); judged[Unknown] > 0 || len(packets) == 0 {
				t.Errorf("%d packets: %v", len(packets), judged)
			}
		})
	}
}

// packetsOf reads the lines that packetLine writes.
func packetsOf(t *testing.T, content string) []Packet {
	t.Helper()
	var packets []Packet
	for line := range strings.SplitSeq(content, "\n") {
		line, is := strings.CutPrefix(line, "# packet: ")
		if !is {
			continue
		}
		var p Packet
		var src, dst string
		if _, err := fmt.Sscan(line, &p.Iif, &src, &dst, &p.DstPort, &p.Proto, &p.TCPFlags); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		p.Src, p.Dst = netip.MustParseAddr(src), netip.MustParseAddr(dst)
		packets = append(packets, p)
	}
	return packets
}
