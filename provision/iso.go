package provision

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// isoFile is a file in the root of an ISO 9660 image.
type isoFile struct {
	Name    string
	Content []byte
}

// The layout of an image: 16 empty sectors, the volume descriptor, the
// terminator, both path tables, the root directory, the files.
const (
	sector        = 2048
	sectorVolume  = 16
	sectorPathLE  = 18
	sectorPathBE  = 19
	sectorRoot    = 20
	sectorFiles   = 21
	modeFile      = 0o100444
	modeDirectory = 0o040555
)

// buildISO writes an ISO 9660 image with Rock Ridge names in memory. The
// libraries at hand stage the files in a temporary folder, and the seed holds
// a private key. All files stand in the root, whose directory fits into one
// sector; that is all a NoCloud seed needs.
func buildISO(label string, made time.Time, files []isoFile) ([]byte, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b isoFile) int { return strings.Compare(isoName(a.Name), isoName(b.Name)) })
	var root, data bytes.Buffer
	made = made.UTC()
	self := slices.Concat(suspStart(), rockRidgeMode(modeDirectory, 2), rockRidgeName(""), suspExtension())
	root.Write(isoEntry{"\x00", sectorRoot, sector, self}.record(made))
	root.Write(isoEntry{"\x01", sectorRoot, sector, rockRidgeMode(modeDirectory, 2)}.record(made))
	for _, f := range files {
		at := sectorFiles + data.Len()/sector
		root.Write(isoEntry{isoName(f.Name), at, len(f.Content), slices.Concat(rockRidgeMode(modeFile, 1), rockRidgeName(f.Name))}.record(made))
		data.Write(f.Content)
		data.Write(make([]byte, -len(f.Content)&(sector-1)))
	}
	if root.Len() > sector {
		return nil, fmt.Errorf("%d files do not fit into one directory sector", len(files))
	}
	image := make([]byte, sectorFiles*sector, sectorFiles*sector+data.Len())
	copy(image[sectorVolume*sector:], isoVolume(label, sectorFiles+data.Len()/sector, made))
	copy(image[(sectorVolume+1)*sector:], "\xffCD001\x01")
	copy(image[sectorPathLE*sector:], isoPathTable(binary.LittleEndian))
	copy(image[sectorPathBE*sector:], isoPathTable(binary.BigEndian))
	copy(image[sectorRoot*sector:], root.Bytes())
	return append(image, data.Bytes()...), nil
}

// isoName is the name for readers without Rock Ridge: "USER-DATA.;1". Linux
// shows it as user-data.
func isoName(name string) string { return strings.ToUpper(name) + ".;1" }

// isoVolume is the primary volume descriptor.
func isoVolume(label string, sectors int, made time.Time) []byte {
	var b bytes.Buffer
	b.WriteString("\x01CD001\x01\x00")
	b.WriteString(padded("LINUX", 32))
	b.WriteString(padded(label, 32))
	b.Write(make([]byte, 8))
	b.Write(both32(sectors))
	b.Write(make([]byte, 32))
	b.Write(both16(1)) // volumes in the set
	b.Write(both16(1)) // this one
	b.Write(both16(sector))
	b.Write(both32(len(isoPathTable(binary.LittleEndian))))
	b.Write(binary.LittleEndian.AppendUint32(nil, sectorPathLE))
	b.Write(make([]byte, 4))
	b.Write(binary.BigEndian.AppendUint32(nil, sectorPathBE))
	b.Write(make([]byte, 4))
	b.Write(isoEntry{"\x00", sectorRoot, sector, nil}.record(made))
	b.WriteString(padded("", 128*4+37*3)) // set, publisher, preparer, application, three files
	stamp := made.Format("20060102150405") + "00\x00"
	none := strings.Repeat("0", 16) + "\x00"
	b.WriteString(stamp + stamp + none + none)
	b.WriteString("\x01\x00")
	return b.Bytes()
}

// isoPathTable has one entry, the root.
func isoPathTable(order binary.ByteOrder) []byte {
	b := make([]byte, 10)
	b[0] = 1
	order.PutUint32(b[2:], sectorRoot)
	order.PutUint16(b[6:], 1)
	return b
}

// isoEntry is one entry of a directory. Its first two names are the directory
// itself and the one above it.
type isoEntry struct {
	name     string
	at, size int    // first sector, bytes
	extra    []byte // the Rock Ridge fields
}

func (e isoEntry) record(made time.Time) []byte {
	flags := byte(0)
	if e.name == "\x00" || e.name == "\x01" {
		flags = 2 // a directory
	}
	var b bytes.Buffer
	b.Write([]byte{0, 0})
	b.Write(both32(e.at))
	b.Write(both32(e.size))
	b.Write([]byte{byte(made.Year() - 1900), byte(made.Month()), byte(made.Day()), byte(made.Hour()), byte(made.Minute()), byte(made.Second()), 0})
	b.Write([]byte{flags, 0, 0})
	b.Write(both16(1))
	b.WriteByte(byte(len(e.name)))
	b.WriteString(e.name)
	b.Write(make([]byte, b.Len()&1))
	b.Write(e.extra)
	b.Write(make([]byte, b.Len()&1))
	out := b.Bytes()
	out[0] = byte(len(out))
	return out
}

// suspStart tells in the root's own entry that system use fields follow.
func suspStart() []byte { return []byte{'S', 'P', 7, 1, 0xbe, 0xef, 0} }

// suspExtension says that these fields are Rock Ridge.
func suspExtension() []byte {
	const id = "RRIP_1991A"
	return append([]byte{'E', 'R', byte(8 + len(id)), 1, byte(len(id)), 0, 0, 1}, id...)
}

// rockRidgeMode gives a file's mode; owner and group are root.
func rockRidgeMode(mode, links int) []byte {
	return slices.Concat([]byte{'P', 'X', 36, 1}, both32(mode), both32(links), both32(0), both32(0))
}

// rockRidgeName gives a file's real name; an empty one is the directory itself.
func rockRidgeName(name string) []byte {
	if name == "" {
		return []byte{'N', 'M', 5, 1, 2}
	}
	return append([]byte{'N', 'M', byte(5 + len(name)), 1, 0}, name...)
}

// both32 is a number in both byte orders, as ISO 9660 wants it.
func both32(n int) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(n)), uint32(n))
}

func both16(n int) []byte {
	return binary.BigEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(n)), uint16(n))
}

func padded(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
