// Package deploy stands in for K3s' deploy controller: it applies what lies in
// server/manifests, and below, at start and within two seconds after a change,
// where K3s takes up to fifteen.
//
// As in K3s: *.yaml, *.yml and *.json; a file NAME.skip keeps NAME from being
// applied; what a changed file no longer names is deleted, and a file that is
// removed leaves its objects. The field manager is deploy@NODE.
//
// Different: applied by the server and not by three-way patches; there are no
// Addon objects, so what a file named before k3s was restarted is not known
// and not deleted; the placeholders of K3s' own manifests are not filled in.
//
// It imports nothing of ours.
package deploy
