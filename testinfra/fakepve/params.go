package fakepve

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// maxPost is the largest body of anything but an upload.
const maxPost = 512 << 10

// params are the parameters of a call, as text: Proxmox VE takes numbers and
// strings alike, from forms, JSON and the query.
type params url.Values

func (p params) get(name string) string { return url.Values(p).Get(name) }

func (p params) has(name string) bool { _, ok := p[name]; return ok }

// yes reads a boolean that the schema has verified.
func (p params) yes(name string) bool {
	switch p.get(name) {
	case "1", "on", "yes", "true":
		return true
	}
	return false
}

func (p params) number(name string, fallback int) int {
	if n, err := strconv.Atoi(p.get(name)); err == nil {
		return n
	}
	return fallback
}

// decodeParams reads query and body. A value in the query wins, as in the
// original.
func decodeParams(r *http.Request) (params, error) {
	out := params{}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	switch {
	case len(body) == 0:
	case kind == "application/json":
		if out, err = decodeJSON(body); err != nil {
			return nil, err
		}
	default:
		if out, err = decodeForm(string(body)); err != nil {
			return nil, err
		}
	}
	query, err := decodeForm(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	for name, values := range query {
		out[name] = values
	}
	return out, nil
}

func readBody(r *http.Request) ([]byte, error) {
	if len(r.TransferEncoding) > 0 {
		return nil, &apiError{status: http.StatusNotImplemented, message: "chunked transfer encoding not supported"}
	}
	if r.ContentLength > 0 && r.Method != http.MethodPost && r.Method != http.MethodPut {
		return nil, &apiError{status: http.StatusNotImplemented,
			message: fmt.Sprintf("Unexpected content for method '%s'", r.Method)}
	}
	if r.ContentLength > maxPost {
		return nil, &apiError{status: http.StatusNotImplemented, message: "for data too large"}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPost))
	if err != nil {
		return nil, die("read request: %v", err)
	}
	return body, nil
}

func decodeForm(text string) (params, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, &apiError{status: http.StatusBadRequest, message: "malformed form data"}
	}
	return params(values), nil
}

// decodeJSON takes an object of scalars and lists of scalars.
func decodeJSON(body []byte) (params, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, die("malformed JSON string")
	}
	out := params{}
	for name, raw := range doc {
		values, err := jsonValues(raw)
		if err != nil {
			return nil, invalid(name, "type check ('string') failed")
		}
		if values != nil {
			out[name] = values
		}
	}
	return out, nil
}

func jsonValues(raw json.RawMessage) ([]string, error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	var out []string
	for _, item := range list {
		text, err := jsonScalar(item)
		if err != nil {
			return nil, err
		}
		if text != nil {
			out = append(out, *text)
		}
	}
	return out, nil
}

func jsonScalar(raw json.RawMessage) (*string, error) {
	var number json.Number
	var text string
	var yes bool
	switch {
	case string(raw) == "null":
		return nil, nil
	case json.Unmarshal(raw, &text) == nil:
		return &text, nil
	case json.Unmarshal(raw, &yes) == nil:
		text = map[bool]string{true: "1", false: "0"}[yes]
		return &text, nil
	default:
		if err := json.Unmarshal(raw, &number); err != nil {
			return nil, fmt.Errorf("decode value: %w", err)
		}
		text = number.String()
		return &text, nil
	}
}
