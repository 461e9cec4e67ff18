// Package report puts what an audit found into one document and writes it for
// people (text, HTML) and for programs (JSON, SARIF, JUnit). It also writes the
// catalogue of the controls. All writers are pure functions of the document:
// what they show is decided where the document is made.
//
// To add a format, add a writer to formats and a golden file to its test.
//
// It may import inventory and hardening.
package report
