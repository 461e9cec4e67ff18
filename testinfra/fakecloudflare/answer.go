package fakecloudflare

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// NotTaught is the code of the stand-in's own refusal: the real thing might
// well do what was asked. Cloudflare has no such code.
const NotTaught = 99501

// apiError is a refusal in Cloudflare's shape.
type apiError struct {
	status  int
	code    int
	message string
	chain   []note // what the message leaves open
	header  http.Header
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.message, e.code) }

func refuse(status, code int, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func (e *apiError) because(code int, format string, args ...any) *apiError {
	e.chain = append(e.chain, note{Code: code, Message: fmt.Sprintf(format, args...)})
	return e
}

func notTaught(format string, args ...any) *apiError {
	return refuse(http.StatusNotImplemented, NotTaught, "fakecloudflare was not taught "+format, args...)
}

// note is an error or a message in an envelope.
type note struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Chain   []note `json:"error_chain,omitempty"`
}

// envelope is around every answer.
type envelope struct {
	Result   any       `json:"result"`
	Success  bool      `json:"success"`
	Errors   []note    `json:"errors"`
	Messages []note    `json:"messages"`
	Info     *pageInfo `json:"result_info,omitempty"`
}

// pageInfo says which part of a list an answer holds.
type pageInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// page is a result that is part of a list.
type page struct {
	items any
	info  pageInfo
}

// said is a result with a message.
type said struct {
	result  any
	message note
}

// answer is one complete response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func success(result any) answer {
	e := envelope{Result: result, Success: true, Errors: []note{}, Messages: []note{}}
	switch r := result.(type) {
	case page:
		e.Result, e.Info = r.items, &r.info
	case said:
		e.Result, e.Messages = r.result, []note{r.message}
	}
	body, err := json.Marshal(e)
	if err != nil {
		return failure(err)
	}
	return answer{status: http.StatusOK, body: body}
}

func failure(err error) answer {
	var e *apiError
	if !errors.As(err, &e) {
		e = refuse(http.StatusInternalServerError, 1000, "%s", err.Error())
	}
	doc := envelope{Errors: []note{{Code: e.code, Message: e.message, Chain: e.chain}}, Messages: []note{}}
	body, jsonErr := json.Marshal(doc)
	if jsonErr != nil {
		body = []byte(`{"success":false,"errors":[],"messages":[],"result":null}`)
	}
	return answer{status: e.status, header: e.header, body: body}
}

// write sends an answer.
func (a answer) write(w http.ResponseWriter) {
	a.head(w)
	_, _ = w.Write(a.body)
}

func (a answer) head(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Server", "cloudflare")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
}

// half sends the first half of an answer under a header that promises all.
func (a answer) half(w http.ResponseWriter, r *http.Request) {
	drain(r)
	a.head(w)
	_, _ = w.Write(a.body[:len(a.body)/2])
	rc := http.NewResponseController(w)
	_ = rc.Flush()
	if conn, _, err := rc.Hijack(); err == nil {
		_ = conn.Close()
	}
}

// reset ends the connection without an answer, in the rudest way.
func reset(w http.ResponseWriter, r *http.Request) {
	drain(r)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn() // TLS would take its leave
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// drain reads what the client is still sending, so that it looks for an answer.
func drain(r *http.Request) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
	}
}
