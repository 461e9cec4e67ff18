package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/k3sedge/k3sedge/testinfra/labk3s/token"
)

func TestParse(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("ab", 32)
	for _, c := range []struct {
		in   string
		want token.Token
		err  error
	}{
		{in: "", err: token.ErrEmpty},
		{in: "secret", want: token.Token{Secret: "secret"}},
		{in: "K10" + hash + "::server:s:e", want: token.Token{Hash: hash, User: "server", Secret: "s:e"}},
		{in: "K10::node:s", want: token.Token{User: "node", Secret: "s"}},
		{in: "K10abc::node:s", err: token.ErrHashLength},
		{in: "K10" + hash + "::server", err: token.ErrFormat},
		{in: "K10" + hash + "::server:", err: token.ErrFormat},
	} {
		got, err := token.Parse(c.in)
		if !errors.Is(err, c.err) || got != c.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestFullChecksTheCA(t *testing.T) {
	t.Parallel()
	full := token.Full([]byte("ca"), "node", "s")
	got, err := token.Parse(full)
	if err != nil || got.User != "node" || got.Secret != "s" {
		t.Fatalf("Parse(%q) = %+v, %v", full, got, err)
	}
	if err := got.Check([]byte("ca")); err != nil {
		t.Error(err)
	}
	if err := got.Check([]byte("another")); err == nil {
		t.Error("another CA was accepted")
	}
	if err := (token.Token{Secret: "s"}).Check([]byte("any")); err != nil {
		t.Errorf("a bare secret trusts any CA: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("K10" + strings.Repeat("ab", 32) + "::server:secret")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := token.Parse(s)
		if err == nil && got.Secret == "" {
			t.Errorf("Parse(%q) gives no secret and no error", s)
		}
	})
}
