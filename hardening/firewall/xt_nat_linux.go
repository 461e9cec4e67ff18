package firewall

// Flags of a range to which iptables translates.
const (
	rangeAddress = 1
	rangePort    = 2
	rangeOffset  = 32
)

// natRange is where the kernel keeps such a range.
type natRange struct{ flags, firstAddr, lastAddr, firstPort, lastPort, size int }

// xtNAT decodes a translation in either of the kernel's two forms: the old
// one for IPv4, and one with room for both families.
func xtNAT(kind string, six bool) func(uint32, xt) ([]Expr, bool) {
	addrSize := map[bool]int{true: 16, false: 4}[six]
	return func(rev uint32, x xt) ([]Expr, bool) {
		const oldSize = 20
		at := natRange{0, 4, 20, 36, 38, 40}
		if len(x) < at.size {
			at = natRange{4, 8, 12, 16, 18, oldSize}
			if rev != 0 || len(x) < oldSize || x.u32(0) != 1 {
				return nil, false
			}
		}
		flags := x.u32(at.flags)
		if flags&(rangeNetmap|rangeOffset) != 0 {
			return nil, false
		}
		expr := one(kind)
		args := expr[0].Args
		if flags&rangeAddress != 0 {
			args["addr"], args["addrLast"] = "imm "+x.hex(at.firstAddr, addrSize), "imm "+x.hex(at.lastAddr, addrSize)
		}
		if flags&rangePort != 0 {
			args["port"], args["portLast"] = "imm "+x.hex(at.firstPort, 2), "imm "+x.hex(at.lastPort, 2)
		}
		return expr, true
	}
}
