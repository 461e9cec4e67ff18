package provision

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/k3sedge/k3sedge/inventory"
	"github.com/k3sedge/k3sedge/provision/converge"
	"github.com/k3sedge/k3sedge/provision/machine"
)

// imageFile is the image's name on the storage. The checksum is a part of it,
// so that another image is another file.
func imageFile(i inventory.Image) string {
	base := path.Base(strings.TrimRight(strings.SplitN(i.URL, "?", 2)[0], "/"))
	format := ".qcow2" // what the vendors call .img, too
	if ext := path.Ext(base); ext == ".raw" || ext == ".vmdk" {
		format = ext
	}
	base = unsafeText.ReplaceAllString(strings.TrimSuffix(base, path.Ext(base)), "-")
	_, sum, _ := strings.Cut(i.Checksum, ":")
	return base + "-" + strings.ToLower(sum[:min(12, len(sum))]) + format
}

var unsafeText = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func imageVolume(p inventory.Proxmox) string {
	return p.Storage.Image + ":import/" + imageFile(*p.Image)
}

var errNoTemplate = errors.New("is no template")

// checkImage looks for the image on its storage, or for the template.
func checkImage(ctx context.Context, v *view) ([]converge.Change, error) {
	if v.settings.Image == nil {
		return nil, checkTemplate(ctx, v)
	}
	volumes, err := v.api.Volumes(ctx, v.settings.Storage.Image, "import")
	if err != nil {
		return nil, fmt.Errorf("list the images on storage %s: %w", v.settings.Storage.Image, err)
	}
	want := imageVolume(v.settings)
	if slices.ContainsFunc(volumes, func(f Volume) bool { return f.ID == want }) {
		return nil, nil
	}
	return change("image", "absent", want+" from "+v.settings.Image.URL), nil
}

func checkTemplate(ctx context.Context, v *view) error {
	config, err := v.api.VMConfig(ctx, v.settings.Template)
	if err == nil && !config.Template {
		err = errNoTemplate
	}
	if err != nil {
		return machine.WithHint(fmt.Errorf("template VM %d: %w", v.settings.Template, err), "set provider.proxmox.template to the VMID of a template, or use provider.proxmox.image")
	}
	return nil
}

// fetchImage lets Proxmox download the image and verify it.
func fetchImage(ctx context.Context, h *hands) error {
	i := *h.settings.Image
	algorithm, sum, _ := strings.Cut(i.Checksum, ":")
	err := h.act(ctx, verbDownload, 0, func(ctx context.Context) (UPID, error) {
		return h.do.Download(ctx, h.settings.Storage.Image, Download{
			Content: "import", File: imageFile(i), URL: i.URL, Algorithm: algorithm, Checksum: strings.ToLower(sum),
		})
	})
	var failed *TaskError
	switch {
	case errors.As(err, &failed) && checksumText.MatchString(failed.Error()):
		return machine.WithHint(fmt.Errorf("the image at %s is not the one that provider.proxmox.image.checksum names: %w", i.URL, err),
			"the file has changed, or was changed on the way: set provider.proxmox.image.url to a dated image and provider.proxmox.image.checksum to what its publisher gives for it")
	case errors.As(err, &failed) && !fullText.MatchString(failed.Error()):
		return machine.WithHint(err, "can the Proxmox host reach provider.proxmox.image.url? %s", i.URL)
	}
	return err
}
