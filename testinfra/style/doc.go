// Package style measures the project's own code and fails its tests where a
// budget is passed: sizes, complexity, documentation, import arrows and the
// constructs that are banned. There is no list of exceptions.
//
// It uses the standard library only and imports nothing of ours.
package style
