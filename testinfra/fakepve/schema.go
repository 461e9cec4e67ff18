package fakepve

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// check returns what is wrong with a value, or nothing.
type check func(value string) string

// schema says which parameters a route takes. Like those of Proxmox VE it
// allows no others.
type schema struct {
	fields   map[string]check
	required []string
	// extra knows further names, such as the keys of a machine's configuration.
	extra func(name string) (check, bool)
}

// takes starts a schema with required fields.
func takes(required map[string]check) schema {
	s := schema{fields: map[string]check{}}
	for name, c := range required {
		s.fields[name] = c
		s.required = append(s.required, name)
	}
	slices.Sort(s.required)
	return s
}

// and adds optional fields.
func (s schema) and(optional map[string]check) schema {
	for name, c := range optional {
		s.fields[name] = c
	}
	return s
}

func (s schema) verify(p params) error {
	bad := map[string]string{}
	for _, name := range s.required {
		if !p.has(name) {
			bad[name] = "property is missing and it is not optional"
		}
	}
	for name := range p {
		c, ok := s.fields[name]
		if !ok && s.extra != nil {
			c, ok = s.extra(name)
		}
		if !ok {
			bad[name] = "property is not defined in schema and the schema does not allow additional properties"
		} else if text := c(p.get(name)); text != "" {
			bad[name] = text
		}
	}
	if len(bad) > 0 {
		return invalidFields(bad)
	}
	return nil
}

var (
	numberForm  = regexp.MustCompile(`^[+-]?\d+$`)
	vmidForm    = regexp.MustCompile(`^[1-9][0-9]{2,8}$`)
	sizeForm    = regexp.MustCompile(`^\+?\d+(\.\d+)?[KMGT]?$`)
	dnsForm     = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
	configID    = regexp.MustCompile(`^[a-zA-Z][\w-]+$`)
	urlForm     = regexp.MustCompile(`^https?://.*`)
	encodedForm = regexp.MustCompile(`^[-%a-zA-Z0-9_.!~*'()]*$`)
)

func text(string) string { return "" }

func boolean(v string) string {
	if slices.Contains([]string{"0", "1", "on", "off", "yes", "no", "true", "false"}, v) {
		return ""
	}
	return fmt.Sprintf("type check ('boolean') failed - got '%s'", v)
}

func atLeast(min int) check {
	return func(v string) string {
		if !numberForm.MatchString(v) {
			return fmt.Sprintf("type check ('integer') failed - got '%s'", v)
		}
		if n, err := strconv.Atoi(v); err != nil || n < min {
			return fmt.Sprintf("value must have a minimum value of %d", min)
		}
		return ""
	}
}

func vmidValue(v string) string {
	switch {
	case !numberForm.MatchString(v):
		return fmt.Sprintf("type check ('integer') failed - got '%s'", v)
	case !vmidForm.MatchString(v):
		return "value must have a minimum value of 100"
	}
	return ""
}

func matches(form *regexp.Regexp, what string) check {
	return func(v string) string {
		if form.MatchString(v) {
			return ""
		}
		return what
	}
}

func oneOf(values ...string) check {
	return func(v string) string {
		if slices.Contains(values, v) {
			return ""
		}
		return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", v, joined(values))
	}
}

func joined(values []string) string {
	out := ""
	for i, v := range values {
		if i > 0 {
			out += ", "
		}
		out += v
	}
	return out
}

func pattern(form *regexp.Regexp) check {
	return matches(form, "value does not match the regex pattern")
}
