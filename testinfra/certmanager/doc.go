// Command labbinary is cert-manager for the lab: its controller, webhook,
// cainjector and startupapicheck in one static program, which is the one that
// its first argument names.
//
// Real, from cert-manager's own module: all controllers, issuers, solvers and
// their DNS code, the webhook with its admission and its certificates, the
// injectors, the check of the API, defaults, validation and the reading of
// configuration files. cert-manager publishes its commands as modules of their
// own that cannot be fetched, so this program does in their place what they
// do: it reads flags, elects a leader, serves health and metrics, and starts
// what is enabled. This module's path lies below cert-manager's, for only so
// may it use the packages in its folder internal.
//
// Knowingly different: metrics are served without TLS; there is no profiler;
// of the commands' flags those are known that the chart writes, and a few that
// people add. An unknown flag ends the program. Issuers for Venafi say that
// they cannot be: see the folder vcert.
//
// Its tests run where the bundle is built (make bundle). go vet would take
// minutes for the packages below and is left out.
//
// It imports nothing of ours.
package main
