package firewall

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Attributes and flags of sets that golang.org/x/sys/unix does not have.
const (
	nftaSetExpr            = 17
	nftaSetExpressions     = 18
	nftSetObject           = 0x40
	nftSetConcat           = 0x80
	nftSetExpr             = 0x100
	nftaSetElemKeyEnd      = 10
	nftaSetElemExpressions = 11
	nftSetElemCatchAll     = 2
)

// kernelSet is a set as the kernel describes it, without its elements.
type kernelSet struct {
	name      string
	flags     uint32
	keyLen    int
	types     []keyType
	stateful  bool
	bigEndian bool // its keys are in network order whatever their type says
	// data is how a map holds its values, nil where they are joined or verdicts.
	data    *shape
	dataLen int
}

func (s kernelSet) anonymous() bool { return s.flags&unix.NFT_SET_ANONYMOUS != 0 }

// setNames gives anonymous sets their number, in the order of their use.
type setNames struct {
	family   byte // of the table
	iptables bool // the table is one of iptables'
	sets     map[string]kernelSet
	numbers  map[string]int
}

// six tells whether the table is one for IPv6 alone.
func (n *setNames) six() bool { return n.family == unix.NFPROTO_IPV6 }

func (n *setNames) keySize(kernelName string) (int, bool) {
	set, ok := n.sets[kernelName]
	return set.keyLen, ok
}

func (n *setNames) model(kernelName string) string {
	set, ok := n.sets[kernelName]
	if !ok || !set.anonymous() {
		return kernelName
	}
	if _, has := n.numbers[kernelName]; !has {
		n.numbers[kernelName] = len(n.numbers) + 1
	}
	return "#" + strconv.Itoa(n.numbers[kernelName])
}

// readSets lists the table's sets.
func readSets(family byte, table string) (*setNames, error) {
	objects, err := dump(unix.NFT_MSG_GETSET, family, []netlink.Attribute{textAttribute(unix.NFTA_SET_TABLE, table)})
	if err != nil {
		return nil, err
	}
	names := &setNames{family: family, iptables: ofIptables(families()[nftables.TableFamily(family)], table), sets: map[string]kernelSet{}, numbers: map[string]int{}}
	for _, a := range objects {
		if a.text(unix.NFTA_SET_TABLE) != table {
			continue
		}
		names.add(a)
	}
	return names, nil
}

func (n *setNames) add(a attributes) {
	set := kernelSet{
		name:    a.text(unix.NFTA_SET_NAME),
		flags:   a.u32(unix.NFTA_SET_FLAGS),
		keyLen:  int(a.u32(unix.NFTA_SET_KEY_LEN)),
		types:   typesOf(a.u32(unix.NFTA_SET_KEY_TYPE)),
		dataLen: int(a.u32(unix.NFTA_SET_DATA_LEN)),
	}
	set.stateful = a[nftaSetExpr] != nil || a[nftaSetExpressions] != nil || set.flags&nftSetExpr != 0
	order := orderOf(a[unix.NFTA_SET_USERDATA])
	set.bigEndian = order == byteOrderBig
	if data := typesOf(a.u32(unix.NFTA_SET_DATA_TYPE)); len(data) == 1 && data[0].size == set.dataLen {
		set.data = &data[0].shape
	}
	n.sets[set.name] = set
}

// typesOf splits a key's type into the types that it joins, the first one first.
func typesOf(number uint32) []keyType {
	const bitsOfOne = 6
	var types []keyType
	for ; number != 0; number >>= bitsOfOne {
		kind, ok := keyTypes()[number&(1<<bitsOfOne-1)]
		if !ok {
			return nil
		}
		types = append(types, kind)
	}
	slices.Reverse(types)
	return types
}

// byteOrderBig is nft's note with a set that its keys are in network order.
const byteOrderBig = 2

// orderOf reads nft's note on the byte order of a set's keys; 0 is none. The
// note is checked first, because the library trusts its lengths.
func orderOf(notes []byte) uint32 {
	for rest := notes; len(rest) > 0; rest = rest[2+int(rest[1]):] {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return 0
		}
	}
	data := userdata.Get(notes, userdata.NFTNL_UDATA_SET_KEYBYTEORDER)
	if len(data) != 4 {
		return 0
	}
	return binaryutil.NativeEndian.Uint32(data)
}

// model is the set in the form of the model, with its elements.
func (s kernelSet) model(name string, raw []attributes) (Set, error) {
	set := Set{
		Name:     name,
		KeyType:  s.typeName(),
		Interval: s.flags&unix.NFT_SET_INTERVAL != 0,
		Flags:    s.flagNames(),
		Elements: []Element{},
	}
	elements := make([]kernelElement, 0, len(raw))
	for _, a := range raw {
		element, err := s.element(a)
		if err != nil {
			return Set{}, fmt.Errorf("read set %s: %w", s.name, err)
		}
		elements = append(elements, element)
	}
	if set.Interval && s.flags&nftSetConcat == 0 {
		set.Elements = append(set.Elements, intervals(elements, s.keyLen)...)
	} else {
		for _, element := range elements {
			set.Elements = append(set.Elements, element.Element)
		}
	}
	slices.SortFunc(set.Elements, func(a, b Element) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	return set, nil
}

func (s kernelSet) typeName() string {
	if len(s.types) == 0 {
		return fmt.Sprintf("%d bytes", s.keyLen)
	}
	names := make([]string, 0, len(s.types))
	for _, kind := range s.types {
		names = append(names, kind.name)
	}
	return strings.Join(names, " . ")
}

func (s kernelSet) flagNames() []string {
	var names []string
	for _, flag := range []struct {
		bit  uint32
		name string
	}{
		{unix.NFT_SET_MAP, "map"}, {unix.NFT_SET_TIMEOUT, "timeout"},
		{unix.NFT_SET_EVAL, "dynamic"}, {nftSetObject, "object"},
	} {
		if s.flags&flag.bit != 0 {
			names = append(names, flag.name)
		}
	}
	if s.stateful {
		names = append(names, "stateful")
	}
	return names
}

// kernelElement is an element, or the first key after one's end.
type kernelElement struct {
	Element
	end bool
}

func (s kernelSet) element(a attributes) (kernelElement, error) {
	var element kernelElement
	flags := a.u32(unix.NFTA_SET_ELEM_FLAGS)
	element.end = flags&unix.NFT_SET_ELEM_INTERVAL_END != 0
	first, err := a.value(unix.NFTA_SET_ELEM_KEY)
	if err != nil {
		return element, err
	}
	last, err := a.value(nftaSetElemKeyEnd)
	if err != nil {
		return element, err
	}
	element.First = s.hex(first)
	element.Last = element.First
	if len(last) > 0 {
		element.Last = s.hex(last)
	}
	if flags&nftSetElemCatchAll != 0 {
		element.First, element.Last = "*", "*"
	}
	if element.First == "" {
		return element, fmt.Errorf("element without a key")
	}
	element.Data = s.elementData(a)
	for _, condition := range []struct {
		kind uint16
		name string
	}{
		{unix.NFTA_SET_ELEM_TIMEOUT, "timeout"}, {unix.NFTA_SET_ELEM_EXPR, "expression"},
		{nftaSetElemExpressions, "expression"}, {unix.NFTA_SET_ELEM_OBJREF, "object"},
	} {
		if a[condition.kind] != nil {
			element.Conditions = append(element.Conditions, condition.name)
		}
	}
	return element, nil
}

func (s kernelSet) elementData(a attributes) string {
	if a[unix.NFTA_SET_ELEM_DATA] == nil {
		return ""
	}
	if verdict, chain, ok := decodeVerdict(a[unix.NFTA_SET_ELEM_DATA]); ok {
		return strings.TrimSpace(verdict + " " + chain)
	}
	data, err := a.value(unix.NFTA_SET_ELEM_DATA)
	if err != nil || data == nil {
		return "? " + hex.EncodeToString(a[unix.NFTA_SET_ELEM_DATA])
	}
	if s.data != nil {
		return hexOfShapes(data, []shape{*s.data})
	}
	return hex.EncodeToString(data)
}

// hex prints a key with the most significant byte first.
func (s kernelSet) hex(key []byte) string {
	if s.bigEndian {
		return hex.EncodeToString(key)
	}
	shapes := make([]shape, 0, len(s.types))
	for _, kind := range s.types {
		shapes = append(shapes, kind.shape)
	}
	return hexOfShapes(key, shapes)
}

// intervals pairs the beginnings with the ends, of which the kernel tells the
// first key that is no longer inside. One without an end goes to the last key.
// Neighbours with the same value are one interval: the kernel does not care.
func intervals(elements []kernelElement, keyLen int) []Element {
	slices.SortStableFunc(elements, func(a, b kernelElement) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(endFirst(a), endFirst(b)))
	})
	var merged []Element
	open := false
	for _, element := range elements {
		switch {
		case element.First == "*":
			merged = append(merged, element.Element)
		case !element.end:
			element.Last = strings.Repeat("f", 2*keyLen)
			if last := len(merged) - 1; !open && last >= 0 && joins(merged[last], element.Element) {
				merged[last].Last = element.Last
			} else {
				merged = append(merged, element.Element)
			}
			open = true
		case open:
			merged[len(merged)-1].Last = before(element.First)
			open = false
		}
	}
	return merged
}

func endFirst(e kernelElement) int {
	if e.end {
		return 0
	}
	return 1
}

func joins(a, b Element) bool {
	return a.First != "*" && a.Last == before(b.First) && a.Data == b.Data && slices.Equal(a.Conditions, b.Conditions)
}

// before is the key that comes just before, in hexadecimal.
func before(key string) string {
	data, err := hex.DecodeString(key)
	if err != nil || bytes.Equal(data, make([]byte, len(data))) {
		return key
	}
	for i := len(data) - 1; i >= 0; i-- {
		data[i]--
		if data[i] != 0xff {
			break
		}
	}
	return hex.EncodeToString(data)
}
