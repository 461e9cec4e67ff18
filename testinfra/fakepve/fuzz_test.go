package fakepve

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzProperty(f *testing.F) {
	for _, s := range []string{"", "local-lvm:0,import-from=local:import/a.qcow2", "virtio=BC:24:11:00:00:01,bridge=vmbr0", "a,b", "=x", "a=", "a=1,a=2", ",,", "order=scsi0;net0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProperty(text)
		if err != nil {
			return
		}
		again, err := parseProperty(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%q became %q, which reads as %q, %v", text, p, again, err)
		}
		if n, err := parseNet(text); err == nil {
			if _, err := parseNet(withMAC(n.String())); err != nil && n.mac == "" {
				t.Errorf("%q with a MAC is %q: %v", text, withMAC(text), err)
			}
		}
		_, _ = parseDrive(text)
	})
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"20G", "1.5T", "0", "-1", "1e9", "9999999999999999G", "K", "NaN", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSize(text)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("%q is %d", text, n)
		}
		if again, err := parseSize(formatSize(n)); err != nil || (again != n && n < 1<<50) {
			t.Errorf("%q is %d, written %s, read %d, %v", text, n, formatSize(n), again, err)
		}
	})
}

func FuzzMultipart(f *testing.F) {
	const head = "--b\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n"
	f.Add([]byte(head + "--b\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.iso\"\r\n\r\nxyz\r\n--b--\r\n"))
	f.Add([]byte(head + "--b\r\nContent-Disposition: form-data; name=\"other\"; filename=\"a.iso\"\r\n\r\nxyz\r\n--b--\r\n"))
	f.Add([]byte(head))
	f.Fuzz(func(t *testing.T, body []byte) {
		var file bytes.Buffer
		args, err := decodeMultipart(multipart.NewReader(bytes.NewReader(body), "b"), &file)
		if err == nil && !args.has("filename") {
			t.Error("accepted without a file")
		}
	})
}

func FuzzParams(f *testing.F) {
	f.Add("application/json", `{"a":1,"b":[true,"x"],"c":null}`)
	f.Add("application/x-www-form-urlencoded", "a=1&b=%20")
	f.Add("", "%")
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest(http.MethodPost, "/api2/json/x", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		args, err := decodeParams(r)
		if (args == nil) == (err == nil) {
			t.Errorf("params %v, error %v", args, err)
		}
	})
}

func TestMultipartRefusals(t *testing.T) {
	t.Parallel()
	part := func(disposition, body string) string {
		return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + body + "\r\n"
	}
	for name, body := range map[string]string{
		"no file":    part(`name="content"`, "iso") + "--b--\r\n",
		"wrong name": part(`name="file"; filename="a.iso"`, "x") + "--b--\r\n",
		"cut off":    part(`name="content"`, "iso") + "--b\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.iso\"\r\n\r\nxyz",
		"empty":      "",
	} {
		if _, err := decodeMultipart(multipart.NewReader(strings.NewReader(body), "b"), io.Discard); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
