package look

import (
	"io/fs"
	"syscall"
)

// owner is the number of the user whom the file belongs to.
func owner(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

// changed is when content or inode were last changed, which no program sets directly.
func changed(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return syscall.TimespecToNsec(s.Ctim)
	}
	return 0
}

// measure returns root's room on the file system of a folder.
func measure(folder string) (free, total int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bfree) * s.Bsize, int64(s.Blocks) * s.Bsize, nil
}
