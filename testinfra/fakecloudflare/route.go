package fakecloudflare

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// route is one method of one path below /client/v4.
type route struct {
	method, pattern string
	// query are the parameters that were taught.
	query []string
	// open is for everybody, without a token.
	open bool
	run  func(*call) (any, error)
}

// call is one request on its way.
type call struct {
	srv     *Server
	request *http.Request
	path    string
	fault   *Fault
	who     *Token
	vars    map[string]string
	query   url.Values
	body    []byte
}

func (c *call) writes() bool { return c.request.Method != http.MethodGet }

// routes lists all that the stand-in was taught.
func routes() []route {
	all := []route{
		{"GET", "/user/tokens/verify", nil, false, (*call).verifyToken},
		{"GET", "/ips", nil, true, (*call).ranges},
	}
	return slices.Concat(all, zoneRoutes(), recordRoutes(), tunnelRoutes(), originRoutes())
}

// read takes the body in, before anything is locked.
func (c *call) read() error {
	body, err := io.ReadAll(io.LimitReader(c.request.Body, 1<<20))
	if err != nil {
		return refuse(http.StatusBadRequest, 1000, "read the request: %s", err.Error())
	}
	c.body = body
	c.query = c.request.URL.Query()
	return nil
}

// admit finds the route and checks who asks.
func (c *call) admit() (route, error) {
	rt, known := c.find()
	if err := c.authenticate(known && rt.open); err != nil {
		return route{}, err
	}
	if !known {
		return route{}, notTaught("%s %s", c.request.Method, c.path)
	}
	for name := range c.query {
		if !slices.Contains(rt.query, name) {
			return route{}, notTaught("the parameter %s of %s %s", name, rt.method, rt.pattern)
		}
	}
	return rt, nil
}

func (c *call) find() (route, bool) {
	have := strings.Split(c.path, "/")
	for _, rt := range c.srv.routes {
		if vars, ok := match(strings.Split(rt.pattern, "/"), have); ok && rt.method == c.request.Method {
			c.vars = vars
			return rt, true
		}
	}
	return route{}, false
}

// match compares segment by segment; {name} takes one.
func match(want, have []string) (map[string]string, bool) {
	if len(want) != len(have) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		if strings.HasPrefix(w, "{") {
			vars[strings.Trim(w, "{}")] = have[i]
		} else if w != have[i] {
			return nil, false
		}
	}
	return vars, true
}

// decode reads the body; a field that was not taught is refused.
func (c *call) decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	switch {
	case err == nil:
		return nil
	case json.Valid(c.body):
		return notTaught("this body of %s %s: %s", c.request.Method, c.path, err.Error())
	}
	return refuse(http.StatusBadRequest, 9207, "Failed to parse request body, content-type must be application/json")
}

// number reads a parameter.
func (c *call) number(name string, fallback, low, high int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, refuse(http.StatusBadRequest, 6003, "Invalid request headers").
			because(6007, "%s is not a number between %d and %d", name, low, high)
	}
	return n, nil
}

// limits are the sizes of a page: the usual, the least and the most.
type limits struct{ usual, least, most int }

// cut takes the page that was asked for out of a list.
func cut[T any](c *call, all []T, l limits) (page, error) {
	n, err := c.number("page", 1, 1, 1<<20)
	if err != nil {
		return page{}, err
	}
	size, err := c.number("per_page", l.usual, l.least, l.most)
	if err != nil {
		return page{}, err
	}
	from := min((n-1)*size, len(all))
	part := slices.Concat([]T{}, all[from:min(from+size, len(all))])
	return page{items: part, info: pageInfo{
		Page: n, PerPage: size, Count: len(part), TotalCount: len(all), TotalPages: (len(all) + size - 1) / size,
	}}, nil
}
