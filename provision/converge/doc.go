// Package converge is look, change, look again.
//
// A Step checks whether something holds and can make it so; a Track is the
// steps of one subject, one after the other; a Stage is tracks that run at
// the same time; a run is a list of stages. Planning is the absence of Apply:
// a track made by Observe has no way to change anything.
//
// Nothing here prints. Steps tell what they wait for through their context,
// the engine turns everything into Events, and a Reporter shows them.
//
// It imports nothing of ours.
package converge
