// Package fake is named by cert-manager's own tests, which do not run here. It
// imports nothing.
package fake
