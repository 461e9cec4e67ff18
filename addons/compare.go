package addons

import (
	"encoding/json"

	"github.com/k3sedge/k3sedge/addons/object"
)

// difference says where what is there is not as it is to be, or "".
func (w want) difference(live item) (string, error) {
	return object.Difference(w.send, w.sum, live.raw)
}

// fixed reports whether the API server would refuse to change the object into
// what it is to be, so that it has to be made anew.
func (w want) fixed(live item) bool {
	var wanted, have struct {
		AddressType string `json:"addressType"`
		Type        string `json:"type"`
		Spec        struct {
			ClusterIP string `json:"clusterIP"`
		} `json:"spec"`
	}
	if json.Unmarshal(w.send.JSON, &wanted) != nil || json.Unmarshal(live.raw, &have) != nil {
		return false // the comparison has read both, and would have said so
	}
	return wanted != have
}
