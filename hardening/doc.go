// Package hardening is the catalogue of controls and the one transaction that
// makes a host hold them.
//
// A Control is one small value: what it looks at, what it wants, and what it
// adds to the transaction when it fails. Judge is a pure function of the
// facts that the node agent reported and of the Policy; Audit fetches the
// facts in one round trip; NewStep mends what fails, proves a new login and
// only then confirms. To add a control, add a value to the file of its
// subject (ssh.go, firewall.go, services.go, kernel.go).
//
// A part of the facts that is missing makes every control that needs it
// unknown; nothing passes on empty input.
//
// It imports inventory, provision/cluster, provision/machine, provision/converge and the
// packages below it.
package hardening
