// Package certificate has the types of a request. It imports nothing of ours.
package certificate
