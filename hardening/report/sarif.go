package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/k3sedge/k3sedge/hardening"
)

// What SARIF 2.1.0 (OASIS) asks for, as far as a report has it.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool             sarifTool         `json:"tool"`
		AutomationDetail sarifID           `json:"automationDetails"`
		Invocations      []sarifInvocation `json:"invocations"`
		Results          []sarifResult     `json:"results"`
		ColumnKind       string            `json:"columnKind"`
	}
	sarifID struct {
		ID string `json:"id"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID               string         `json:"id"`
		Name             string         `json:"name"`
		ShortDescription sarifText      `json:"shortDescription"`
		FullDescription  sarifText      `json:"fullDescription"`
		HelpURI          string         `json:"helpUri"`
		Help             sarifText      `json:"help"`
		Configuration    sarifLevel     `json:"defaultConfiguration"`
		Properties       sarifRuleProps `json:"properties"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifRuleProps struct {
		SecuritySeverity string   `json:"security-severity"`
		Tags             []string `json:"tags"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		EndTimeUTC          string              `json:"endTimeUtc"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Kind         string             `json:"kind"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Baseline     string             `json:"baselineState,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name          string `json:"name"`
		QualifiedName string `json:"fullyQualifiedName"`
		Kind          string `json:"kind"`
	}
)

const project = "https://github.com/k3sedge/k3sedge"

func writeSARIF(w io.Writer, d Document) error {
	run := sarifRun{
		AutomationDetail: sarifID{"k3sedge/" + d.Cluster + "/"},
		Invocations:      []sarifInvocation{{ExecutionSuccessful: true, EndTimeUTC: d.Time.Format("2006-01-02T15:04:05Z")}},
		Results:          []sarifResult{}, ColumnKind: "unicodeCodePoints",
	}
	run.Tool.Driver = sarifDriver{Name: d.Tool.Name, Version: d.Tool.Version, InformationURI: project, Rules: []sarifRule{}}
	for _, n := range d.Nodes {
		if !n.Seen() {
			run.Invocations[0].ExecutionSuccessful = false
			run.Invocations[0].Notifications = append(run.Invocations[0].Notifications,
				sarifNotification{"error", sarifText{n.Name + " could not be looked at: " + n.Error}, []sarifLocation{{Logical: logical(d, n)}}})
		}
		for _, f := range n.Findings {
			if f.Status != hardening.Pass && f.Status != hardening.NotApplicable {
				run.Results = append(run.Results, sarifResultOf(d, n, f, run.Tool.Driver.rule(f)))
			}
		}
	}
	return encode(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

// rule returns the index of the finding's control, which it adds if it is new.
func (d *sarifDriver) rule(f Finding) int {
	if i := slices.IndexFunc(d.Rules, func(r sarifRule) bool { return r.ID == f.ID }); i >= 0 {
		return i
	}
	d.Rules = append(d.Rules, sarifRule{
		ID: f.ID, Name: ruleName(f.Title), ShortDescription: sarifText{f.Title}, FullDescription: sarifText{f.Title + ": " + f.Why},
		HelpURI: project + "/blob/main/docs/controls.md#" + strings.ToLower(f.ID),
		Help:    sarifText{f.Why + ". The same demand elsewhere: " + strings.Join(f.Refs, ", ")}, Configuration: sarifLevel{sarifLevelOf(f.Severity)},
		Properties: sarifRuleProps{securitySeverity(f.Severity), []string{"security", "hardening", groupOf(f.ID)}},
	})
	return len(d.Rules) - 1
}

// ruleName is the title as an identifier, which SARIF wants a name to be.
func ruleName(title string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(title, func(r rune) bool { return !isAlphanumeric(r) }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func sarifLevelOf(s hardening.Severity) string {
	switch s {
	case hardening.Critical, hardening.High:
		return "error"
	case hardening.Medium:
		return "warning"
	}
	return "note"
}

// securitySeverity is the number by which code scanning sorts: over 9 it shows
// critical, from 7 high, from 4 medium.
func securitySeverity(s hardening.Severity) string {
	switch s {
	case hardening.Critical:
		return "9.5"
	case hardening.High:
		return "8.0"
	case hardening.Medium:
		return "5.5"
	}
	return "2.0"
}

func sarifResultOf(d Document, n Node, f Finding, rule int) sarifResult {
	r := sarifResult{
		RuleID: f.ID, RuleIndex: rule, Kind: "fail", Level: sarifLevelOf(f.Severity),
		Message:      sarifText{messageOf(n, f)},
		Locations:    []sarifLocation{{physical(n, f), logical(d, n)}},
		Fingerprints: map[string]string{"nodeControlEvidence/v1": fingerprint(n.Name, f)},
	}
	if f.Status == hardening.Unknown {
		r.Kind, r.Level = "open", "none" // there was not enough to decide
	}
	if f.Waiver != nil && !f.Waiver.Expired {
		r.Suppressions = []sarifSuppression{{"external", "accepted", waiverText(*f.Waiver)}}
	}
	switch {
	case d.Baseline == nil:
	case f.Known:
		r.Baseline = "unchanged"
	default:
		r.Baseline = "new"
	}
	return r
}

func messageOf(n Node, f Finding) string {
	out := n.Name + ": " + f.Title
	if f.Status == hardening.Unknown {
		return out + ": could not be looked at: " + strings.Join(f.Evidence, "; ")
	}
	out += fmt.Sprintf(": it is %s, wanted %s", f.Have, f.Want)
	if f.Waiver != nil && f.Waiver.Expired {
		out += ". The waiver " + waiverText(*f.Waiver)
	}
	return out
}

// fingerprint tells the same finding from another one of the same control.
func fingerprint(node string, f Finding) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{node, f.ID}, f.Evidence...), "\x00")))
	return hex.EncodeToString(sum[:16])
}

// evidenceFile finds the file, and the line, that a line of evidence begins with.
var evidenceFile = regexp.MustCompile(`^(/[A-Za-z0-9_./@-]+)(?::([1-9][0-9]{0,6}))?(?::|$)`)

// physical is the file on the node that the evidence names, or the node.
func physical(n Node, f Finding) *sarifPhysical {
	for _, line := range f.Evidence {
		m := evidenceFile.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		p := &sarifPhysical{Artifact: sarifArtifact{n.Name + m[1]}}
		if number, err := strconv.Atoi(m[2]); err == nil {
			p.Region = &sarifRegion{number}
		}
		return p
	}
	return &sarifPhysical{Artifact: sarifArtifact{n.Name}}
}

func logical(d Document, n Node) []sarifLogical {
	return []sarifLogical{{n.Name, d.Cluster + "/" + n.Name, "resource"}}
}
