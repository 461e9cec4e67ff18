package provision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// mark says whose a VM is. It stands in the VM's description.
type mark struct {
	Cluster, Node string
}

// String is the mark as it stands in the description.
func (m mark) String() string { return "k3sedge/" + m.Cluster + "/" + m.Node }

// text is the mark for messages; none is empty.
func (m mark) text() string {
	if m == (mark{}) {
		return ""
	}
	return m.String()
}

// hash is short, fit for an instance-id, and the same for the VM's whole life.
func (m mark) hash() string {
	sum := sha256.Sum256([]byte(m.String()))
	return hex.EncodeToString(sum[:8])
}

// NotOursError is a VM whose number, name and mark do not all agree. It is
// never changed and never destroyed.
type NotOursError struct {
	VMID       int
	Name, Mark string // what the VM has
	Want       string // what would make it ours
}

// Error gives all three values.
func (e *NotOursError) Error() string {
	return fmt.Sprintf("VM %d with name %q and mark %q is not %s", e.VMID, e.Name, e.Mark, e.Want)
}
