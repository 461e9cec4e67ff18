package release

// Files are the files of one release for one architecture.
type Files struct {
	Version, Arch string
	// Binary is the program. Images are the container images for nodes
	// without internet; their Path is empty if there are none.
	Binary, Images File
	// Added are the images that k3sedge adds, if the bundle has them.
	Added File
	// SumsFrom names whose checksums the files were held against.
	SumsFrom string
}

// Archives are the images that there are.
func (f Files) Archives() []File {
	var out []File
	for _, a := range []File{f.Images, f.Added} {
		if a.Path != "" {
			out = append(out, a)
		}
	}
	return out
}

// ArchiveNames are how the archives of an architecture can be called.
func ArchiveNames(arch string) []string { return []string{imagesName(arch), addedName(arch)} }

// File is a file on the operator's machine, or one that would be fetched.
type File struct {
	Name   string // as K3s publishes it
	Path   string // where it is, or will be
	SHA256 string // hexadecimal
	Size   int64  // bytes; 0 if it is not known before the download
}

// Missing is a file that has to be downloaded.
type Missing struct {
	File
	URL  string
	Have int64 // bytes that an earlier download left
}
