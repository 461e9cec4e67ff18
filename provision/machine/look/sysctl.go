package look

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// errKey is a name that is no sysctl's.
var errKey = errors.New("not a key")

// sysctls reads the keys that are there. Those that cannot be read are told in
// the error, so that none of them is taken for absent.
func (h host) sysctls(keys []string) (map[string]string, error) {
	var failed []error
	out := map[string]string{}
	for _, key := range keys {
		path := strings.ReplaceAll(key, ".", "/")
		if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '/' {
			path = key // the separator that comes first separates; a dot is then one of a name
		}
		if !fs.ValidPath(path) {
			failed = append(failed, fmt.Errorf("%q: %w", key, errKey))
			continue
		}
		b, err := os.ReadFile(h.path("/proc/sys/" + path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		// The kernel separates by tabs what people separate by blanks.
		out[key] = strings.Join(strings.Fields(string(b)), " ")
	}
	return out, errors.Join(failed...)
}
