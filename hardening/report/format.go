package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// Formats are the names of the formats.
func Formats() []string { return []string{"text", "json", "sarif", "junit", "html"} }

// FileName is the name of a report in a folder of reports.
func FileName(format string) string {
	switch format {
	case "text":
		return "report.txt"
	case "sarif":
		return "report.sarif"
	case "junit":
		return "report.junit.xml"
	}
	return "report." + format
}

// Write writes the document in the format of that name.
func Write(w io.Writer, format string, d Document) error {
	write := writerOf(format)
	if write == nil {
		return fmt.Errorf("write report: there is no format %q", format)
	}
	if err := write(w, d); err != nil {
		return fmt.Errorf("write the %s report: %w", format, err)
	}
	return nil
}

func writerOf(format string) func(io.Writer, Document) error {
	switch format {
	case "text":
		return writeText
	case "json":
		return writeJSON
	case "sarif":
		return writeSARIF
	case "junit":
		return writeJUnit
	case "html":
		return writeHTML
	}
	return nil
}

func writeJSON(w io.Writer, v Document) error { return encode(w, v) }

// encode writes JSON for people who look into the file, too.
func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
