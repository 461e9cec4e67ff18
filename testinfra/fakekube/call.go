package fakekube

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// call is one request for objects of a kind, taken apart.
type call struct {
	kind            Kind
	namespace, name string // empty for all
	path            string
	manager         string
	force, dryRun   bool
	node            bool // it comes in the name of the node itself
	status          bool // it is about the object's status alone
	body            []byte

	code    int // of a success
	changed bool
}

// knownParams are the parameters that are taught, by method.
func knownParams(method string) []string {
	switch method {
	case http.MethodPatch:
		return []string{"fieldManager", "force", "dryRun"}
	case http.MethodDelete:
		return []string{"propagationPolicy", "dryRun"}
	}
	return []string{"labelSelector", "fieldSelector", "limit", "continue"}
}

// answer is what the path and the method ask for.
func (k *Kube) answer(r *http.Request, body []byte) (*call, any, error) {
	c := &call{path: r.URL.Path, body: body, code: http.StatusOK}
	if answer, ok := k.discovery(r.URL.Path); ok && r.Method == http.MethodGet {
		return c, answer, nil
	}
	if answer, ok := k.behind[r.URL.Path]; ok && r.Method == http.MethodGet {
		return c, answer, nil
	}
	if err := k.route(c); err != nil {
		return c, nil, err
	}
	query := r.URL.Query()
	for name := range query {
		if !slices.Contains(knownParams(r.Method), name) {
			return c, nil, untaught(r.Method + " with the parameter " + name)
		}
	}
	c.manager, c.force, c.dryRun = query.Get("fieldManager"), query.Get("force") == "true", query.Get("dryRun") != ""
	if dry := query.Get("dryRun"); c.dryRun && dry != "All" {
		return c, nil, c.refuse(http.StatusUnprocessableEntity, "Invalid", fmt.Sprintf("dryRun: Unsupported value: %q: supported values: \"All\"", dry))
	}
	if err := c.impersonated(r.Header.Get("Impersonate-User")); err != nil {
		return c, nil, err
	}
	answer, err := k.do(c, r)
	return c, answer, err
}

func (k *Kube) do(c *call, r *http.Request) (any, error) {
	toOne := c.name != "" && (c.namespace != "" || !c.kind.Namespaced)
	switch {
	case r.Method == http.MethodGet && c.name == "":
		return k.list(c, r.URL.Query())
	case !toOne:
		return nil, &refusal{Code: http.StatusMethodNotAllowed, Reason: "MethodNotAllowed", Message: "the server does not allow this method on the requested resource"}
	case r.Method == http.MethodGet, c.status && k.items[c.path] == nil:
		return k.get(c)
	case r.Method == http.MethodDelete:
		return k.remove(c)
	case r.Method == http.MethodPatch && r.Header.Get("Content-Type") == "application/apply-patch+yaml":
		return k.apply(c)
	}
	return nil, untaught(r.Method + " with the content type " + r.Header.Get("Content-Type"))
}

func (k *Kube) get(c *call) (any, error) {
	if it := k.items[c.path]; it != nil {
		return it.whole(), nil
	}
	return nil, c.notFound()
}

// route finds the kind and the name in the path.
func (k *Kube) route(c *call) error {
	for _, kind := range k.kinds {
		rest, ok := strings.CutPrefix(c.path, kind.root()+"/")
		if !ok {
			continue
		}
		words, namespace := strings.Split(rest, "/"), ""
		if words[0] == "namespaces" && len(words) > 2 {
			namespace, words = words[1], words[2:]
		}
		if words[0] != kind.Plural || namespace != "" && !kind.Namespaced {
			continue
		}
		if len(words) > 2 && words[2] == "proxy" {
			return &refusal{Code: http.StatusServiceUnavailable, Reason: "ServiceUnavailable", Message: "no endpoints available: nothing stands behind " + c.path}
		}
		words = c.subresource(words)
		if len(words) > 2 {
			return untaught("the path " + c.path)
		}
		c.kind, c.namespace, c.name = kind, namespace, strings.Join(words[1:], "")
		return nil
	}
	return &refusal{Code: http.StatusNotFound, plain: "404 page not found\n"}
}

// subresource takes that of the status off the path.
func (c *call) subresource(words []string) []string {
	if c.status = len(words) == 3 && words[2] == "status"; c.status {
		c.path, words = strings.TrimSuffix(c.path, "/status"), words[:2]
	}
	return words
}

// discovery answers what is not about objects.
func (k *Kube) discovery(path string) (any, bool) {
	switch path {
	case "/readyz", "/livez", "/healthz":
		return "ok", true
	case "/version":
		return map[string]any{"major": "1", "minor": "35", "gitVersion": "v1.35.4+fakekube"}, true
	}
	resources := []any{}
	for _, kind := range k.kinds {
		if kind.root() == path {
			resources = append(resources, map[string]any{"name": kind.Plural, "kind": kind.Name, "namespaced": kind.Namespaced, "verbs": []any{"delete", "get", "list", "patch"}})
		}
	}
	group := strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/")
	return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": resources}, len(resources) > 0
}

// refusal is an error that the server answers with.
type refusal struct {
	Code                  int
	Reason, Message       string
	RetryAfter            int // seconds
	name, resource, group string
	plain                 string // stands for the whole answer
}

// Error gives the server's words.
func (r *refusal) Error() string { return r.Message + r.plain }

// status is the refusal as the API says it.
func (r *refusal) status() any {
	if r.plain != "" {
		return r.plain
	}
	details := map[string]any{}
	for key, value := range map[string]string{"name": r.name, "kind": r.resource, "group": r.group} {
		if value != "" {
			details[key] = value
		}
	}
	if r.RetryAfter > 0 {
		details["retryAfterSeconds"] = r.RetryAfter
	}
	return map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
		"message": r.Message, "reason": r.Reason, "details": details, "code": r.Code}
}

func untaught(what string) error {
	return &refusal{Code: http.StatusNotImplemented, Reason: "NotImplemented", Message: "fakekube was not taught " + what}
}

func (c *call) refuse(code int, reason, message string) error {
	return &refusal{Code: code, Reason: reason, Message: message, name: c.name, resource: c.kind.Plural, group: c.kind.Group}
}

func (c *call) notFound() error {
	return c.refuse(http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", c.kind.resource(), c.name))
}

func (c *call) invalid(field, why string) error {
	named := strings.TrimSuffix(c.kind.Name+"."+c.kind.Group, ".")
	return c.refuse(http.StatusUnprocessableEntity, "Invalid", fmt.Sprintf("%s %q is invalid: %s: %s", named, c.name, field, why))
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer func() { _ = r.Body.Close() }() // it is the client's; nothing depends on it
	return io.ReadAll(r.Body)
}
