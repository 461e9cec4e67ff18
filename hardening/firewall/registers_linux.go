package firewall

import (
	"encoding/hex"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// registerWords is how many 32-bit registers the kernel has.
const registerWords = 16

// operand is a value that an expression loaded into a register.
type operand struct {
	text string
	shape
}

// registers remember what a rule's expressions have loaded so far.
type registers [registerWords]struct {
	from *operand
	part int // which word of the operand
}

// word is where a register begins: there are four of 128 bits, and the same
// room again as sixteen of 32 bits.
func word(register uint32) (int, bool) {
	switch {
	case register >= unix.NFT_REG_1 && register <= unix.NFT_REG_4:
		return int(register-unix.NFT_REG_1) * 4, true
	case register >= unix.NFT_REG32_00 && register <= unix.NFT_REG32_15:
		return int(register - unix.NFT_REG32_00), true
	}
	return 0, false
}

// put says whether the operand fits where it is to go.
func (r *registers) put(register uint32, op operand) bool {
	first, ok := word(register)
	words := padded(op.size) / 4
	if !ok || words == 0 || first+words > registerWords {
		return false
	}
	for part := range words {
		r[first+part].from, r[first+part].part = &op, part
	}
	return true
}

// forget is for an expression that may have written anywhere.
func (r *registers) forget(name string) {
	for i := range r {
		r[i].from, r[i].part = &operand{text: "? " + name, shape: shape{size: 4}}, 0
	}
}

// get is what the size bytes from a register on hold: one operand or several
// that were joined. False says that it is nothing a load has put there.
func (r *registers) get(register uint32, size int) ([]operand, bool) {
	at, ok := word(register)
	if !ok || size <= 0 {
		return nil, false
	}
	var found []operand
	for size > 0 {
		if at >= registerWords || r[at].from == nil || r[at].part != 0 {
			return nil, false
		}
		op := *r[at].from
		found = append(found, op)
		size -= padded(op.size)
		at += padded(op.size) / 4
	}
	return found, true
}

func joinOperands(operands []operand) string {
	texts := make([]string, 0, len(operands))
	for _, op := range operands {
		texts = append(texts, op.text)
	}
	return strings.Join(texts, " . ")
}

// hexOf prints data that belongs to operands with the most significant byte first.
func hexOf(data []byte, operands []operand) string {
	shapes := make([]shape, 0, len(operands))
	for _, op := range operands {
		shapes = append(shapes, op.shape)
	}
	return hexOfShapes(data, shapes)
}

func hexOfShapes(data []byte, shapes []shape) string {
	out := slices.Clone(data)
	at := 0
	for _, s := range shapes {
		end := at + s.size
		if end > len(out) {
			break // a prefix of a name: never in the machine's order
		}
		if s.host {
			slices.Reverse(out[at:end])
		}
		at += padded(s.size)
	}
	return hex.EncodeToString(out)
}
