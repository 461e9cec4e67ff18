package fakepve

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func storageRoutes() []route {
	const one = "/nodes/{node}/storage/{storage}"
	contents := map[string]check{"content": text, "storage": text, "enabled": boolean, "format": boolean, "target": text}
	return []route{
		{method: http.MethodGet, pattern: "/nodes/{node}/storage", run: listStorages, schema: takes(nil).and(contents)},
		{method: http.MethodGet, pattern: one + "/status", run: storageStatus, allow: anyOf("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace")},
		{method: http.MethodGet, pattern: one + "/content", run: listContent,
			allow:  anyOf("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace"),
			schema: takes(nil).and(map[string]check{"content": text, "vmid": vmidValue})},
		{method: http.MethodGet, pattern: one + "/content/{volume...}", run: showContent},
		{method: http.MethodDelete, pattern: one + "/content/{volume...}", run: deleteContent, tasked: true,
			schema: takes(nil).and(map[string]check{"delay": atLeast(1)})},
	}
}

func (s *Server) describeStorage(st Storage) map[string]any {
	s.mu.Lock()
	used := s.state.usage(st)
	s.mu.Unlock()
	content := slices.Clone(st.Content)
	slices.Sort(content)
	return map[string]any{"storage": st.ID, "type": st.Type, "content": strings.Join(content, ","), "enabled": 1, "active": 1,
		"shared": 0, "total": st.Total, "used": used, "avail": max(0, st.Total-used), "used_fraction": float64(used) / float64(max(1, st.Total))}
}

func listStorages(c *call) (any, error) {
	out := []map[string]any{}
	want := strings.FieldsFunc(c.args.get("content"), func(r rune) bool { return r == ',' || r == ' ' })
	for _, st := range c.srv.storages() {
		if !c.may("/storage/"+st.ID, "Datastore.Audit", "Datastore.AllocateSpace") {
			continue
		}
		if c.args.has("storage") && c.args.get("storage") != st.ID {
			continue
		}
		if len(want) == 0 || slices.ContainsFunc(want, st.allows) {
			out = append(out, c.srv.describeStorage(st))
		}
	}
	return out, nil
}

func storageStatus(c *call) (any, error) {
	st, err := c.srv.storage(c.vars["storage"])
	if err != nil {
		return nil, err
	}
	doc := c.srv.describeStorage(st)
	delete(doc, "storage")
	delete(doc, "used_fraction")
	return doc, nil
}

func (v volume) document() map[string]any {
	doc := map[string]any{"volid": v.ID, "content": v.Content, "format": v.Format, "size": v.Size, "ctime": v.CTime}
	if v.VMID != 0 {
		doc["vmid"] = v.VMID
	}
	if v.Parent != "" {
		doc["parent"] = v.Parent
	}
	return doc
}

func listContent(c *call) (any, error) {
	if _, err := c.srv.storage(c.vars["storage"]); err != nil {
		return nil, err
	}
	out := []map[string]any{}
	for _, v := range c.srv.volumes() {
		if v.Storage != c.vars["storage"] || (c.args.has("content") && v.Content != c.args.get("content")) {
			continue
		}
		if c.args.has("vmid") && c.args.get("vmid") != fmt.Sprint(v.VMID) {
			continue
		}
		if _, err := c.mayUse(v.ID, 0); err == nil {
			out = append(out, v.document())
		}
	}
	return out, nil
}

// theVolume takes a volume ID or the name within the storage.
func (c *call) theVolume() (volume, error) {
	id := c.vars["volume"]
	if storage, _, ok := strings.Cut(id, ":"); !ok {
		id = c.vars["storage"] + ":" + id
	} else if storage != c.vars["storage"] {
		return volume{}, invalid("volume", fmt.Sprintf("storage ID mismatch (%s != %s)", storage, c.vars["storage"]))
	}
	return c.srv.volume(id)
}

func showContent(c *call) (any, error) {
	v, err := c.theVolume()
	if err != nil {
		return nil, err
	}
	if _, err := c.mayUse(v.ID, 0); err != nil {
		return nil, err
	}
	return map[string]any{"path": c.srv.file(v), "size": v.Size, "used": v.Used, "format": v.Format}, nil
}
