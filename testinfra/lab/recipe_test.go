//go:build linux

package lab

import (
	"slices"
	"strings"
	"testing"
)

func TestRecipeHash(t *testing.T) {
	t.Parallel()
	base := debian12("amd64").hash()
	shuffled := debian12("amd64")
	slices.Reverse(shuffled.Packages)
	shuffled.Packages = append(shuffled.Packages, shuffled.Packages[0])
	if got := shuffled.hash(); got != base {
		t.Errorf("the same packages in another order: %s, want %s", got, base)
	}
	for name, change := range map[string]func(*recipe){
		"suite":   func(r *recipe) { r.Suite = "trixie" },
		"arch":    func(r *recipe) { r.Arch = "arm64" },
		"package": func(r *recipe) { r.Packages = append(r.Packages, "vim") },
		"steps":   func(r *recipe) { r.Steps++ },
	} {
		r := debian12("amd64")
		change(&r)
		if r.hash() == base {
			t.Errorf("another %s gives the same image", name)
		}
	}
}

func TestSourcesComeFromThisMachine(t *testing.T) {
	t.Parallel()
	out := strings.Join([]string{
		"Packages\thttp://mirror.test/debian/\tbookworm\tmain",
		"Packages\thttp://mirror.test/debian/\tbookworm\tmain",
		"Translations\thttp://mirror.test/debian/\tbookworm\tmain",
		"Packages\thttp://mirror.test/debian/\tbookworm\tcontrib",
		"Packages\thttp://mirror.test/security/\tbookworm-security\tmain",
		"Packages\thttp://other.test/tool/\tstable\tmain",
	}, "\n")
	got, err := sources(parseIndexes(out), "bookworm")
	want := []string{"deb http://mirror.test/debian/ bookworm main", "deb http://mirror.test/security/ bookworm-security main"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestNoMirrorIsAnErrorWithAHint(t *testing.T) {
	t.Parallel()
	for _, out := range []string{"", "Packages\thttp://mirror.test/debian/\tbookworm-updates\tmain\n", "garbage"} {
		_, err := sources(parseIndexes(out), "bookworm")
		hinted, ok := err.(interface{ Hint() string })
		if !ok || !strings.Contains(hinted.Hint(), "bookworm") {
			t.Errorf("%q: error %v without a hint that names the suite", out, err)
		}
	}
}

func TestTransportTakesProxiesOnly(t *testing.T) {
	t.Parallel()
	dump := "APT \"\";\nAcquire::http::Proxy \"http://proxy.test:3128\";\nAcquire::Languages \"none\";\nDPkg::Options \"x\";\n"
	if got := transport(dump); !slices.Equal(got, []string{`Acquire::http::Proxy "http://proxy.test:3128";`}) {
		t.Errorf("got %q", got)
	}
}

func TestAnotherSuiteIsOnTheSameMirrors(t *testing.T) {
	t.Parallel()
	out := "Packages\thttp://mirror.test/debian/\tbookworm\tmain\n" +
		"Packages\thttp://mirror.test/security/\tbookworm-security\tmain\n" +
		"Packages\thttp://other.test/tool/\tstable\tmain\n"
	own := codename([]byte("NAME=Debian\nVERSION_CODENAME=bookworm\n"))
	got, err := sources(otherSuite(parseIndexes(out), own, "trixie"), "trixie")
	want := []string{"deb http://mirror.test/debian/ trixie main", "deb http://mirror.test/security/ trixie-security main"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestWholeMachinesHaveAnImageOfTheirOwn(t *testing.T) {
	t.Parallel()
	bookworm, trixie := wholeDebian("amd64", "bookworm"), wholeDebian("amd64", "trixie")
	if bookworm.hash() == trixie.hash() || bookworm.hash() == debian12("amd64").hash() {
		t.Error("two recipes have one image")
	}
	for _, pkg := range []string{"linux-image-amd64", "grub-pc", "cloud-init", "qemu-guest-agent"} {
		if !slices.Contains(trixie.Packages, pkg) {
			t.Errorf("no %s in a whole machine", pkg)
		}
	}
	whole := debian12("amd64")
	if whole.Whole = true; whole.hash() == debian12("amd64").hash() {
		t.Error("a disk has the name of a squashfs")
	}
}
