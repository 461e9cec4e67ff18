package inventory

import (
	"errors"
	"strings"
	"testing"
)

const (
	someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlMDqpk+V38QQBabicNnZieifIRUVOfs6kGCzsCDSpX admin@desk"
	// somePrint is what ssh-keygen -l says of someKey.
	somePrint = "SHA256:CvdR6aU8JiCQd5YtYeKOQ3z/SWgxMmtMChN+hXN83+w"
)

func TestFingerprints(t *testing.T) {
	t.Parallel()
	for _, line := range []string{someKey, `from="10.0.0.0/8",no-pty ` + someKey, "\t" + someKey + "\n"} {
		if got, err := Fingerprint(line); err != nil || got != somePrint {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	data := strings.Fields(someKey)[1]
	for line, want := range map[string]error{
		"": errKeyForm, "ssh-ed25519": errKeyForm, "file:x y": errKeyForm, "ssh-dss " + data: errKeyForm,
		"ssh-ed25519 !!!": errKeyData, "ssh-rsa " + data: errKeyData, "ssh-ed25519 " + data[:len(data)-4]: errKeyData,
		keyLine("ssh-rsa", "ssh-rsa", "\x01\x00\x01", "\x00"+strings.Repeat("\xff", 128)): errKeyWeak,
	} {
		if got, err := Fingerprint(line); !errors.Is(err, want) || got != "" {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add(someKey)
	f.Add("ssh-rsa AAAA")
	f.Fuzz(func(t *testing.T, line string) {
		got, err := Fingerprint(line)
		if (err == nil) != strings.HasPrefix(got, "SHA256:") {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	})
}
