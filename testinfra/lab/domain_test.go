//go:build linux

package lab

import (
	"encoding/xml"
	"flag"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/goldenfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// aVM is what the product's machines are.
func aVM() spec {
	return spec{
		ID: "9000", Name: "edge-1", Disk: "/images/vm-9000-disk-0.raw", MAC: "BC:24:11:43:98:B2", ISOs: []string{"/iso/seed.iso", "/iso/<other>.iso"},
		UUID: "ec19c386-3700-472e-8280-649c4c53d0b1", Cores: 2, MemoryMB: 2048, DiskSize: 20 << 30,
	}
}

func TestADomainIsDescribedToLibvirt(t *testing.T) {
	t.Parallel()
	got, err := domain("k3lab.test.m-9000", aVM(), "/lab/machines/9000", false)
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, "testdata/domain.xml", got, *update)
}

func TestADomainWithKVMHasTheProcessorOfThisMachine(t *testing.T) {
	t.Parallel()
	s := aVM()
	s.UUID, s.ISOs = "", nil
	out, err := domain("k3lab.test.m-9000", s, "/lab/machines/9000", true)
	if err != nil {
		t.Fatal(err)
	}
	var d domainXML
	if err := xml.Unmarshal(out, &d); err != nil {
		t.Fatal(err)
	}
	if d.Type != "kvm" || d.CPU.Mode != "host-passthrough" {
		t.Errorf("a machine of type %q with a processor %q", d.Type, d.CPU.Mode)
	}
	if len(d.Devices.Disks) != 1 || strings.Contains(string(out), "uuid") {
		t.Errorf("a machine without disc and UUID has them:\n%s", out)
	}
}
