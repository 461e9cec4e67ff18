package wire

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

func TestRequestsGoBackOverTheConnection(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = Serve(conn, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.Proto+" "+r.Host)
			}))
		}
		done <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	watched := Watch(conn)
	client, err := Client(watched)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://git.lab.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "HTTP/2.0 git.lab.test" {
		t.Errorf("%s, %v", body, err)
	}
	if err := watched.Close(); err != nil {
		t.Error(err)
	}
	<-watched.Gone()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("the server ends with %v", err)
	}
}
