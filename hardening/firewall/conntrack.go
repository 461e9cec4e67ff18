package firewall

import (
	"encoding/binary"
	"strings"
)

// state is what connection tracking makes of the packet so far.
func (v *view) state() bits {
	switch {
	case v.exempt:
		return exact32(ctUntracked)
	case v.unsettled:
		return bits{}
	case !v.tracked:
		return exact32(ctInvalid)
	}
	state, _ := v.ctBits()
	return exact32(state)
}

// The bits of a connection's state that are needed by number.
const (
	ctInvalid     = 1
	ctEstablished = 2
	ctNew         = 8
	ctRelated     = 4
	ctUntracked   = 64
	// As iptables has them on top.
	xtSourceNAT = 64
	xtDestNAT   = 128
	xtUntracked = 256
	// As nftables has them in the connection's status.
	statusSourceNAT = 0x10
	statusDestNAT   = 0x20
)

// begins tells whether the packet is one for which rules of type nat are
// asked; all others go the way of their connection.
func (v *view) begins() bool {
	state, _ := v.ctBits()
	return v.tracked && !v.exempt && (state == ctNew || state == ctRelated)
}

// connected tells whether the packet belongs to a connection: before tracking,
// and of what is not tracked, there is none to ask.
func (v *view) connected() truth {
	state, _ := v.ctBits()
	switch {
	case v.exempt, !v.unsettled && !v.tracked, state == ctInvalid, state == ctUntracked:
		return no
	case v.unsettled:
		return maybe
	}
	return yes
}

// absent tells that a rule ends where it asks for a value, because there is none.
func (v *view) absent(left string) bool {
	for text := range strings.SplitSeq(left, " . ") {
		if strings.HasPrefix(text, "ct ") && !strings.HasPrefix(text, "ct state") && !strings.HasPrefix(text, "ct xtstate") && v.connected() == no {
			return true
		}
	}
	return false
}

func (v *view) conntrack(key string) bits {
	switch key {
	case "state":
		return v.state()
	case "xtstate":
		return v.xtState()
	case "mark":
		if v.connected() != yes {
			return bits{}
		}
		return v.connMark
	case "status":
		return v.status()
	}
	return bits{}
}

// xtState is the state in the form of iptables' match.
func (v *view) xtState() bits {
	state := v.state()
	if len(state.value) == 0 {
		return state
	}
	number := binary.BigEndian.Uint32(state.value)
	if number == ctUntracked {
		return exact32(xtUntracked)
	}
	if number == ctInvalid {
		return exact32(ctInvalid)
	}
	return v.translated(exact32(number), xtSourceNAT, xtDestNAT)
}

// translated adds the two bits that tell of translations. Whether a connection
// was translated when it began is not known later.
func (v *view) translated(b bits, source, destination byte) bits {
	last := len(b.value) - 1
	if v.toDst {
		b.value[last] |= destination
	}
	if v.perhaps || !v.begins() {
		b.known[last] &^= source
		if !v.toDst {
			b.known[last] &^= destination
		}
	}
	return b
}

// status knows the two bits of address translation only.
func (v *view) status() bits {
	if !v.begins() {
		return bits{}
	}
	out := exact32(0)
	out.known = []byte{0, 0, 0, statusSourceNAT | statusDestNAT}
	return v.translated(out, statusSourceNAT, statusDestNAT)
}
