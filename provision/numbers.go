package provision

import (
	"sync"

	"github.com/k3sedge/k3sedge/inventory"
)

// numbers hands out VMIDs, so that nodes that are made at the same time never
// try the same one. Proxmox's own nextid reserves nothing and is not asked.
type numbers struct {
	mu   sync.Mutex
	ids  inventory.Range
	held map[int]string // VMID to node
}

func newNumbers(ids inventory.Range) *numbers {
	return &numbers{ids: ids, held: map[int]string{}}
}

// hold keeps id for a node.
func (n *numbers) hold(node string, id int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held[id] = node
}

// next picks the VMID of the node that is number index of the cluster: its
// own place in the range if that is free, else the next free one. The same
// cluster and the same VMs give the same answer. It is 0 when all are taken.
func (n *numbers) next(node string, index int, taken map[int]bool) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := n.ids.First; id <= n.ids.Last; id++ {
		if n.held[id] == node && !taken[id] {
			return id
		}
	}
	size := n.ids.Last - n.ids.First + 1
	for i := range size {
		id := n.ids.First + (index+i)%size
		if n.held[id] == "" && !taken[id] {
			n.held[id] = node
			return id
		}
	}
	return 0
}
