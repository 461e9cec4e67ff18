package fakepve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// apiError is a refusal in the shape of PVE::Exception: a status whose reason
// phrase is the message, and for bad parameters a text a field.
type apiError struct {
	status  int
	message string
	fields  map[string]string
}

func (e *apiError) Error() string { return e.message }

// die is a Perl die: status 500 and the text.
func die(format string, args ...any) error {
	return &apiError{status: http.StatusInternalServerError, message: fmt.Sprintf(format, args...)}
}

func denied(what string) error {
	msg := "Permission check failed"
	if what != "" {
		msg += " (" + what + ")"
	}
	return &apiError{status: http.StatusForbidden, message: msg}
}

func invalid(field, text string) error { return invalidFields(map[string]string{field: text}) }

func invalidFields(fields map[string]string) error {
	return &apiError{status: http.StatusBadRequest, message: "Parameter verification failed.", fields: fields}
}

// notTaught is the stand-in's own refusal: the real thing might well do this.
func notTaught(format string, args ...any) error {
	return &apiError{status: http.StatusNotImplemented, message: "fakepve was not taught " + fmt.Sprintf(format, args...)}
}

// answer is one complete response.
type answer struct {
	status int
	reason string
	body   []byte
}

func success(data any) answer {
	body, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return failure(die("encode answer: %v", err))
	}
	return answer{status: http.StatusOK, body: body}
}

func failure(err error) answer {
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{status: http.StatusInternalServerError, message: err.Error()}
	}
	doc := map[string]any{"data": nil, "message": e.message + "\n"}
	if len(e.fields) > 0 {
		doc["errors"] = e.fields
	}
	body, jsonErr := json.Marshal(doc)
	if jsonErr != nil {
		body = []byte(`{"data":null}`)
	}
	return answer{status: e.status, reason: e.message, body: body}
}

// bare is a refusal made before the API proper, as those of authentication and
// of proxying are: the message is in the status line only.
func bare(status int, reason string) answer { return answer{status: status, reason: reason} }

// write sends an answer. net/http cannot set the reason phrase, and clients of
// Proxmox VE read the message from there: an answer that has one takes the
// connection over, writes the status line itself and closes.
func (a answer) write(w http.ResponseWriter, r *http.Request) {
	if a.reason == "" {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
		return
	}
	a.hijack(w, r, len(a.body))
}

// hijack writes the first n bytes of the body under a header that promises all.
func (a answer) hijack(w http.ResponseWriter, r *http.Request, n int) {
	drain(r)
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
		return
	}
	defer func() { _ = conn.Close() }()
	reason := oneLine(orElse(a.reason, http.StatusText(a.status)))
	_, _ = fmt.Fprintf(buf, "HTTP/1.1 %d %s\r\nServer: pve-api-daemon/3.0\r\nConnection: close\r\n", a.status, reason)
	_, _ = fmt.Fprintf(buf, "Content-Type: application/json;charset=UTF-8\r\nContent-Length: %d\r\n\r\n", len(a.body))
	_, _ = buf.Write(a.body[:n])
	_ = buf.Flush()
}

// drop closes the connection without an answer.
func drop(w http.ResponseWriter, r *http.Request) {
	drain(r)
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// drain reads what the client is still sending: closing a socket with unread
// data resets it, and the client would never see the answer.
func drain(r *http.Request) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 64<<20))
	}
}
