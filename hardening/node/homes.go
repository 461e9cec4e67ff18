package node

import (
	"path"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

// maxDotfiles is how many of a home's files are told: each of them is a finding.
const maxDotfiles = 1000

// nobodysID ends the numbers of people.
const nobodysID = 65534

// homes are the folders of root and of the people. One that cannot be looked at,
// on a disk that does not answer, says so itself: the others are told.
func (h Host) homes(users []facts.User) []facts.Home {
	var out []facts.Home
	for _, u := range users {
		person := u.UID >= facts.FirstPerson && u.UID != nobodysID
		if u.UID != 0 && !person || !path.IsAbs(u.Home) || path.Clean(u.Home) == "/" {
			continue
		}
		home := facts.Home{User: u.Name, Path: path.Clean(u.Home), Dotfiles: map[string]facts.Stat{}}
		var err error
		if home.Stat, err = h.stat(home.Path); err == nil && home.Stat.Kind == facts.KindFolder {
			err = h.dotfiles(home)
		}
		if err != nil {
			home.Problem = err.Error()
		}
		out = append(out, home)
	}
	return out
}

func (h Host) dotfiles(home facts.Home) error {
	names, err := h.names(home.Path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name[0] != '.' || len(home.Dotfiles) >= maxDotfiles {
			continue
		}
		s, err := h.stat(path.Join(home.Path, name))
		if err != nil {
			return err
		}
		if s.Kind == facts.KindFile && facts.IsOpenDotfile(name, s) {
			home.Dotfiles[name] = s
		}
	}
	return nil
}
