package wire

import (
	"bytes"
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	want := Token{Account: "a", Tunnel: "t", Secret: []byte("secret")}
	got, err := ParseToken(want.Encode())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "!", base64.StdEncoding.EncodeToString([]byte("{")), Token{Account: "a", Tunnel: "t"}.Encode()} {
		if _, err := ParseToken(bad); err == nil {
			t.Errorf("%q passes for a token", bad)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	hello := Hello{Token: Token{Account: "a", Tunnel: "t", Secret: []byte("s")}, Connector: "c", Version: "1"}
	if err := Write(&b, hello); err != nil {
		t.Fatal(err)
	}
	b.WriteString("PRI * HTTP/2.0")
	var got Hello
	if err := Read(&b, &got); err != nil || !reflect.DeepEqual(got, hello) || b.String() != "PRI * HTTP/2.0" {
		t.Errorf("%+v, %v, left %q", got, err, b.String())
	}
	for _, bad := range []string{"", "{}", "{\n", strings.Repeat("x", lineMax+1) + "\n"} {
		if err := Read(strings.NewReader(bad), &got); err == nil {
			t.Errorf("taken: %.20q", bad)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(Token{Account: "a", Tunnel: "t", Secret: []byte("s")}.Encode())
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseToken(text)
		if err != nil {
			return
		}
		if again, err := ParseToken(got.Encode()); err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%+v becomes %+v, %v", got, again, err)
		}
	})
}
