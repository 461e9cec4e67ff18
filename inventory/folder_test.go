package inventory

import "testing"

func TestAMissingFolderIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	for name, folderIsThere := range map[string]bool{"missing": false, "empty": true} {
		f := newFolder(t, "existing.yaml")
		if folderIsThere {
			f.write("services/.keep", "", 0o644)
		}
		project, err := f.load()
		if err != nil || project.NoServicesFolder == folderIsThere {
			t.Errorf("%s: %v, %v", name, project.NoServicesFolder, err)
		}
	}
}
