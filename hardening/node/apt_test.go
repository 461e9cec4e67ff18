package node

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/hardening/facts"
)

const aptText = `// comment "x";
APT { Periodic { Unattended-Upgrade "0"; }; }; # another
/* APT::Periodic::Unattended-Upgrade "9"; */
APT::Periodic::Update-Package-Lists "1"; APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Origins-Pattern { "origin=Debian"; "label=Security" ; };
Unattended-Upgrade::Origins-Pattern:: "more";
Dpkg::Options { "--force-confold"; };
Acquire::http::Proxy "http://user:secret@proxy";
#clear APT::Periodic::Update-Package-Lists;
`

func TestApt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "/etc/apt/apt.conf.d/10a", aptText)
	w.put(t, "/etc/apt/apt.conf.d/20b.conf", "Acquire::AllowInsecureRepositories \"true\";")
	w.put(t, "/etc/apt/apt.conf.d/30c.bak", "APT::Periodic::Unattended-Upgrade \"5\";")
	w.put(t, "/etc/apt/apt.conf", "APT::Get::AllowUnauthenticated true;")
	w.put(t, "/etc/apt/sources.list", "# deb http://x y\ndeb [arch=amd64 trusted=yes signed-by=/k] https://u:secret@h/debian bookworm main # c\ndeb-src http://h/debian bookworm-security main\n")
	w.put(t, "/etc/apt/sources.list.d/a.sources", "# c\nTypes: deb\nURIs: http://a http://b\nSuites: s1 s2\nSigned-By:\n -----BEGIN\n .\nTrusted: no\n\nTypes: deb\nEnabled: no\nURIs: http://off\nSuites: s\n")
	w.put(t, "/etc/apt/sources.list.d/a.list.save", "deb http://no x main\n")
	w.put(t, "/etc/apt/trusted.gpg.d/x.gpg", "")
	w.put(t, "/etc/apt/trusted.gpg.d/x.gpg~", "")
	a, err := w.host().aptFacts()
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{
		"dpkg::options":                     {"--force-confold"},
		"apt::periodic::unattended-upgrade": {"1"}, "unattended-upgrade::origins-pattern": {"origin=Debian", "label=Security", "more"},
		"acquire::allowinsecurerepositories": {"true"}, "apt::get::allowunauthenticated": {"true"},
	} {
		if !slices.Equal(a.Conf[key], want) {
			t.Errorf("%s: %q", key, a.Conf[key])
		}
	}
	if len(a.Conf) != 5 || !slices.Equal(a.Keyrings, []string{"/etc/apt/trusted.gpg.d/x.gpg"}) {
		t.Errorf("conf %q, keyrings %q", a.Conf, a.Keyrings)
	}
	if len(a.Sources) != 6 {
		t.Fatalf("sources: %+v", a.Sources)
	}
	if s := a.Sources[0]; s.URI != "https://h/debian" || s.Suite != "bookworm" || !s.SignedBy || s.Options["trusted"] != "yes" || s.Line != 2 {
		t.Errorf("first: %+v", s)
	}
	if s := a.Sources[5]; s.URI != "http://b" || s.Suite != "s2" || !s.SignedBy || s.Options["trusted"] != "no" || s.Line != 2 {
		t.Errorf("last: %+v", s)
	}
}

const securityStatus = `Package: sudo
Status: install ok installed
Architecture: amd64
Version: 1.9.13p3-1+deb12u1
Description: x
 Version: 9

Package: nftables
Status: install ok installed
Architecture: amd64
Version: 1.0.6-2

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
`

const securityPackages = `Package: sudo
Version: 1.9.13p3-1+deb12u2
Architecture: amd64

Package: sudo
Version: 1.9.13p3-1+deb12u3
Architecture: amd64

Package: nftables
Version: 1.0.6-1
Architecture: amd64

Package: gone
Version: 2
Architecture: amd64
`

func TestUpdates(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(securityPackages)); err != nil || z.Close() != nil {
		t.Fatal("pack")
	}
	const list = aptLists + "/h_debian-security_dists_bookworm-security_main_binary-amd64_Packages"
	for ending, content := range map[string]string{"": securityPackages, ".gz": packed.String()} {
		w := newWorld(t)
		w.put(t, dpkgStatus, securityStatus)
		w.put(t, list+ending, content)
		w.put(t, aptLists+"/h_debian_dists_bookworm_main_binary-amd64_Packages", "Package: nftables\nVersion: 9\nArchitecture: amd64\n")
		w.put(t, aptLists+"/h_debian-security_dists_bookworm-security_InRelease", "-----\nDate: Sat, 28 Nov 2026 02:53:00 UTC\nValid-Until: Sat, 05 Dec 2026 02:53:00 UTC\n")
		u, err := w.host().updates()
		if err != nil || len(u.Lists) != 1 || u.Lists[0].Packages != 4 || u.Lists[0].ValidUntil-u.Lists[0].Date != 7*24*3600 {
			t.Fatalf("updates: %+v, %v", u, err)
		}
		if !slices.Equal(u.Pending, []facts.PendingUpdate{{Package: "sudo", Installed: "1.9.13p3-1+deb12u1", Available: "1.9.13p3-1+deb12u3"}}) {
			t.Errorf("pending: %+v", u.Pending)
		}
	}
	w := newWorld(t)
	if u, err := w.host().updates(); err != nil || len(u.Lists) != 0 {
		t.Errorf("no lists: %+v, %v", u, err)
	}
	w.put(t, list+".lz4", "x")
	if _, err := w.host().updates(); err == nil || !strings.Contains(err.Error(), "GzipIndexes") {
		t.Errorf("packed otherwise: %v", err)
	}
}

func TestKernels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	image := func(name, version string) string {
		return "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + version + "\n\n"
	}
	w.put(t, dpkgStatus, image("linux-image-6.1.0-30-cloud-amd64", "6.1.124-1")+image("linux-image-6.1.0-9-cloud-amd64", "6.1.27-1")+
		image("linux-image-cloud-amd64", "7")+image("linux-image-6.2.0-1-amd64", "6.2.1-1"))
	k, err := w.host().kernels()
	if err != nil || k.Running != "6.1.124-1" || k.Newest != "linux-image-6.1.0-30-cloud-amd64" || k.NewestVersion != "6.1.124-1" || k.Reboot {
		t.Errorf("kernels: %+v, %v", k, err)
	}
	w.put(t, rebootRequired, "*** System restart required ***\n")
	w.put(t, rebootRequired+".pkgs", "libc6\nlibc6\nlinux-image\n")
	if k, err := w.host().kernels(); err != nil || !k.Reboot || !slices.Equal(k.For, []string{"libc6", "linux-image"}) {
		t.Errorf("a restart: %+v, %v", k, err)
	}
}

func TestIntegrity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "/usr/bin/a", "")
	w.put(t, "/usr/bin/b", "changed")
	const empty = "d41d8cd98f00b204e9800998ecf8427e"
	w.put(t, dpkgInfo+"/sudo.md5sums", empty+"  usr/bin/a\n"+empty+"  usr/bin/b\n"+empty+"  usr/bin/gone\n"+empty+"  usr/share/doc/x\n"+empty+"  usr/bin/../../etc/shadow\n")
	var out map[string]facts.PackageFiles
	if missing := w.host().integrity([]string{"sudo", "nope", "../x"}, &out); len(missing) != 1 || missing["../x"] == nil {
		t.Errorf("missing: %v", missing)
	}
	if p := out["sudo"]; len(out) != 1 || p.Checked != 3 || !slices.Equal(p.Changed, []string{"/usr/bin/b", "/usr/bin/gone"}) {
		t.Errorf("integrity: %+v", out)
	}
}

func FuzzAptConf(f *testing.F) {
	f.Add(aptText)
	f.Add("A { B { \"c\"; } }; #clear A::B; D:: \"e")
	f.Fuzz(func(t *testing.T, text string) {
		s := aptSettings{}
		s.read(aptWords(text))
		for key := range s {
			if key != strings.ToLower(key) {
				t.Errorf("key %q", key)
			}
		}
		// What follows a file has the last word.
		if strings.Contains(text, "/*") || strings.Contains(text, "\"") || strings.Contains(text, "{") {
			return
		}
		s = aptSettings{}
		s.read(aptWords(text + "\n; APT::X \"last\";"))
		if v := s["apt::x"]; len(v) != 1 || v[0] != "last" {
			t.Errorf("%q hides what follows it: %q", text, v)
		}
	})
}

func FuzzAptSources(f *testing.F) {
	f.Add("deb [trusted=yes] http://u:secret@h/d s main\n", true)
	f.Add("Types: deb\nURIs: http://h\nSuites: s\nTrusted: yes\n", false)
	f.Fuzz(func(t *testing.T, text string, lines bool) {
		file := map[bool]string{true: "x.list", false: "x.sources"}[lines]
		for _, s := range parseSources(file, text) {
			if s.Suite == "" || s.Line < 1 || strings.Contains(s.URI, "@") && strings.Contains(s.URI, "://u:") {
				t.Errorf("source %+v", s)
			}
		}
	})
}

func FuzzPackageList(f *testing.F) {
	f.Add(securityPackages)
	f.Fuzz(func(t *testing.T, text string) {
		available := map[string]string{}
		n, err := parseList(strings.NewReader(text), available)
		if err == nil && n < len(available) {
			t.Errorf("%d packages, %d versions", n, len(available))
		}
		for _, p := range parseInstalled(text) {
			if p.name == "" {
				t.Error("a package without a name")
			}
		}
	})
}
