// Package ca is a certificate authority for tests and for the lab: it makes
// keys and signs certificates, in memory. Who wants to keep it writes down what
// [CA.Encode] gives.
//
// It imports nothing of ours.
package ca
