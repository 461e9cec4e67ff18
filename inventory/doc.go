// Package inventory is what the user wants: the cluster, its nodes and its
// services, as they stand in k3sedge.yaml and services/*.yaml.
//
// Files are decoded strictly, defaults are set in one function, and all
// problems are reported at once with file, line and path of the field.
//
// It imports nothing of ours.
package inventory
