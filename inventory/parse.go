package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds what a file may cost to read; a real one has a few kilobytes.
const maxFile = 256 << 10

const syntaxHint = "check indentation, colons and quotes near this line; a value that begins with * needs quotes"

var (
	// yamlLine takes the line out of the parser's message, which carries it as text only.
	yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?((?s:.*))$`)
	// yamlQuote finds the parser's quotations, which may be part of a secret
	// that was pasted with its special characters.
	yamlQuote = regexp.MustCompile(`'[^']{3,}'`)

	errParser = errors.New("not readable as YAML")
)

// parse returns the content of the one YAML document in data. Where there is
// none, it tells f and returns nil.
func parse(data []byte, f *findings) *yaml.Node {
	if len(data) > maxFile {
		return f.unreadable(1, fmt.Sprintf("larger than %d KiB", maxFile>>10), "is this the right file?")
	}
	if !utf8.Valid(data) {
		return f.unreadable(1, "is not UTF-8 text", "save it as UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	doc, err := nextDocument(decoder)
	if errors.Is(err, io.EOF) || err == nil && isEmpty(doc) {
		return f.unreadable(1, "is empty", "k3sedge init writes a file to start from")
	}
	if err != nil {
		line, message := syntaxError(err)
		return f.unreadable(line, message, syntaxHint)
	}
	second, err := nextDocument(decoder)
	switch {
	case err == nil:
		f.at(second.Line, "", "a second document begins here", "one file holds one document; take out the line ---")
	case !errors.Is(err, io.EOF):
		line, message := syntaxError(err)
		f.at(line, "", message, syntaxHint)
	}
	return doc.Content[0]
}

// unreadable notes that nothing of the file can be used.
func (f *findings) unreadable(line int, message, hint string) *yaml.Node {
	f.at(line, "", message, hint)
	f.markBroken("")
	return nil
}

// nextDocument turns the parser's panics into errors: a file must not be able
// to end the program.
func nextDocument(decoder *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			doc, err = nil, errParser
		}
	}()
	doc = &yaml.Node{}
	err = decoder.Decode(doc)
	return doc, err
}

func isEmpty(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].Kind == yaml.ScalarNode && doc.Content[0].Tag == "!!null"
}

// syntaxError splits the parser's error into line and message.
func syntaxError(err error) (int, string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	line, convErr := strconv.Atoi(m[1])
	if convErr != nil {
		line = 1
	}
	return line, "not valid YAML: " + yamlQuote.ReplaceAllString(m[2], "'…'")
}
