// Package fault is how the stand-ins choose the requests that go wrong: by
// method and path, after some that pass, and for some of them only. What goes
// wrong then is each stand-in's own.
//
// It imports nothing of ours.
package fault
