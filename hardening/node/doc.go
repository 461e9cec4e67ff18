// Package node is the node agent: the one program of ours that runs on a host.
//
// It answers `facts` with one JSON document of what it saw, and it changes the
// host in transactions that go back by themselves unless they are confirmed:
// `apply` saves the old state, arms a systemd timer and a unit for the next
// boot that restore it, and only then touches anything; `confirm` keeps the
// change, `rollback` takes it back. Everything it keeps is under StateDir.
//
// Order is what makes it safe to be killed at any point:
//
//	state.json   written before anything is armed: the way back is known
//	timer, boot unit
//	pending      written before anything is touched
//	result       the one commit point, of a confirmation and of a rollback
//
// It imports hardening/facts for its documents, hardening/firewall to read the
// kernel's ruleset and provision/machine/look to try servers, and nothing else of ours.
package node
