// Package inventory is what the user wants: the cluster, its nodes and its
// services, as they stand in k3sedge.yaml and services/*.yaml.
//
// Files are decoded strictly, defaults are set in one function, and all
// problems are reported at once with file, line and path of the field. What is
// loaded is complete: hosts are in the form that DNS uses, and paths can be used
// from where the program runs. Services can be written back; the cluster's
// file, once Init has made it, belongs to the user.
//
// It imports nothing of ours.
package inventory
