// Package eventlog keeps the events of a run in words, for tests that ask what
// was told.
//
// It may import provision/converge.
package eventlog
