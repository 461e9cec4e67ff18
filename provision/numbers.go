package provision

import (
	"sync"

	"github.com/k3sedge/k3sedge/inventory"
)

// numbers hands out VMIDs, so that nodes that are made at the same time never
// try the same one. Proxmox's own nextid reserves nothing and is not asked.
type numbers struct {
	mu    sync.Mutex
	ids   inventory.Range
	nodes int            // of the cluster
	held  map[int]string // VMID to node
}

func newNumbers(ids inventory.Range, nodes int) *numbers {
	return &numbers{ids: ids, nodes: nodes, held: map[int]string{}}
}

// hold keeps id for a node.
func (n *numbers) hold(node string, id int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held[id] = node
}

// next picks the VMID of the node that is number index of the cluster. The
// nodes take turns in the range, so that which of them asks first makes no
// difference; only when a node's own numbers are used up does it take another
// one. It is 0 when all are taken.
func (n *numbers) next(node string, index int, taken map[int]bool) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := n.ids.First; id <= n.ids.Last; id++ {
		if n.held[id] == node && !taken[id] {
			return id
		}
	}
	for id := n.ids.First + index; id <= n.ids.Last; id += n.nodes {
		if n.take(node, id, taken) {
			return id
		}
	}
	for id := n.ids.First; id <= n.ids.Last; id++ {
		if n.take(node, id, taken) {
			return id
		}
	}
	return 0
}

func (n *numbers) take(node string, id int, taken map[int]bool) bool {
	if n.held[id] != "" || taken[id] {
		return false
	}
	n.held[id] = node
	return true
}
