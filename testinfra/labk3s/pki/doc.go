// Package pki makes the authorities and certificates of a cluster and keeps
// them in files with the names and modes of K3s. It imports nothing of ours.
package pki
