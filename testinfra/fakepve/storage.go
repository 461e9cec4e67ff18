package fakepve

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// volume is what a storage keeps: an ISO, an image to import, or a disk.
type volume struct {
	ID      string `json:"volid"`
	Storage string `json:"storage"`
	Content string `json:"content"`
	Format  string `json:"format"`
	Size    int64  `json:"size"` // virtual size of a disk
	Used    int64  `json:"used"` // what it takes from the storage
	CTime   int64  `json:"ctime"`
	VMID    int    `json:"vmid,omitempty"`
	File    string `json:"file"` // below the state directory
	Parent  string `json:"parent,omitempty"`
}

// errNoSpace is a full storage, in the words of the tool that meets it.
const errNoSpace = words("No space left on device")

var unsafeName = regexp.MustCompile(`[^a-zA-Z0-9_.-]`)

// normalName is PVE::Storage::normalize_content_filename.
func normalName(name string) string {
	name = strings.TrimSuffix(name, "\n")
	return unsafeName.ReplaceAllString(name[strings.LastIndexAny(name, `/\`)+1:], "_")
}

func (s *Server) storage(id string) (Storage, error) {
	for _, st := range s.storages() {
		if st.ID == id {
			return st, nil
		}
	}
	return Storage{}, die("storage '%s' does not exist", id)
}

// file is where a volume's bytes are.
func (s *Server) file(v volume) string { return filepath.Join(s.opts.StateDir, "storage", v.File) }

func (s *Server) volume(id string) (volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.state.Volumes[id]
	if !ok {
		return volume{}, die("volume %s does not exist", id)
	}
	return *v, nil
}

func (s *Server) volumes() []volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []volume
	for _, v := range s.state.Volumes {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b volume) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// usage is what is taken from a storage; the caller holds the mutex.
func (st *state) usage(s Storage) int64 {
	used := s.Taken
	for _, v := range st.Volumes {
		if v.Storage == s.ID {
			used += v.Used
		}
	}
	return used
}

// reserve enters a volume, if there is room for it.
func (s *Server) reserve(st Storage, v volume) error {
	return s.change(func(state *state) error {
		old := int64(0)
		if had := state.Volumes[v.ID]; had != nil {
			old = had.Used
		}
		if state.usage(st)-old+v.Used > st.Total {
			return st.full(v)
		}
		state.Volumes[v.ID] = &v
		return nil
	})
}

// full says that there is no room, as the tools of each storage type do.
func (st Storage) full(v volume) error {
	if st.fileBased() {
		return fmt.Errorf("error writing '%s': %w", v.ID, errNoSpace)
	}
	_, name, _ := strings.Cut(v.ID, ":")
	return die("lvcreate 'pve/%s' error: Volume group \"pve\" has insufficient free space: %d extents required.", name, v.Used>>22)
}

// newDisk enters a disk of a machine under the next free name. base makes the
// name that of a template's disk; parent that of a linked clone.
func (s *Server) newDisk(st Storage, vmid int, size int64, format string) (volume, error) {
	v := volume{Storage: st.ID, Content: "images", Format: format, Size: size, Used: size, CTime: time.Now().Unix(), VMID: vmid}
	for n := 0; ; n++ {
		name := fmt.Sprintf("vm-%d-disk-%d", vmid, n)
		if st.fileBased() {
			name = fmt.Sprintf("%d/%s.%s", vmid, name, format)
		}
		v.ID = st.ID + ":" + name
		if _, err := s.volume(v.ID); err != nil {
			v.File = filepath.Join(st.ID, "images", name)
			return v, s.reserve(st, v)
		}
	}
}

// fill makes a volume's file: empty, or the same bytes as another one's. A
// hard link is enough, because nothing here ever writes into a disk.
func (s *Server) fill(v volume, from string) error {
	path := s.file(v)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder of %s: %w", v.ID, err)
	}
	if err := removeAll(path); err != nil {
		return err
	}
	if from == "" {
		return os.WriteFile(path, nil, 0o600)
	}
	if os.Link(from, path) == nil {
		return nil
	}
	return copyFile(from, path)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return nil
}

// free removes a volume and its file.
func (s *Server) free(id string) error {
	v, err := s.volume(id)
	if err != nil {
		return err
	}
	if err := removeAll(s.file(v)); err != nil {
		return err
	}
	return s.change(func(st *state) error {
		delete(st.Volumes, id)
		return nil
	})
}

// mayUse is PVE::Storage::check_volume_access.
func (c *call) mayUse(volid string, vmid int) (volume, error) {
	if !strings.Contains(volid, ":") {
		return volume{}, die("Only root can pass arbitrary filesystem paths.")
	}
	storage, _, _ := strings.Cut(volid, ":")
	if _, err := c.srv.storage(storage); err != nil {
		return volume{}, err
	}
	v, err := c.srv.volume(volid)
	if err != nil {
		return v, err
	}
	path := "/storage/" + storage
	switch {
	case c.may(path, "Datastore.Allocate"), v.VMID != 0 && v.VMID == vmid:
		return v, nil
	case v.Content != "images":
		return v, c.checkAny(path, "Datastore.AllocateSpace", "Datastore.Audit")
	default:
		return v, both(allOf(path, "Datastore.Audit"), allOf(fmt.Sprintf("/vms/%d", v.VMID), "VM.Config.Disk"))(c)
	}
}
