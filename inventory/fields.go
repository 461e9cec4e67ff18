package inventory

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// showKey writes a key of the file so that it can stand in a path and can do
// no harm on a terminal.
func showKey(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	const most = 40
	if len(key) > most {
		key = key[:most] + "…"
	}
	return strconv.QuoteToASCII(key)
}

// keyOf is the name of a struct's field in the file.
func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func keysOf(t reflect.Type) []string {
	keys := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		keys = append(keys, keyOf(t.Field(i)))
	}
	return keys
}

func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if keyOf(v.Type().Field(i)) == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// Nearest returns the known word that key is most likely a slip of, or "".
func Nearest(key string, known []string) string {
	const longest = 40 // of no key we have; it also bounds the work
	if len(key) > longest {
		return ""
	}
	best, least := "", 1+max(1, len(key)/3)
	for _, k := range known {
		if n := distance(strings.ToLower(key), strings.ToLower(k)); n < least {
			best, least = k, n
		}
	}
	return best
}

// distance counts the letters to insert, take out, replace or swap with their
// neighbour to come from a to b (optimal string alignment).
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
