// Package gitops writes what k3sedge would apply to a cluster into a folder, in
// the words of the engine that shall own it from then on: plain YAML, Kustomize,
// Flux or Argo CD.
//
// No secret is ever written in plain. It is sealed with the certificate of the
// cluster's sealed-secrets controller, in the format of kubeseal, or only named,
// with where its value comes from. A folder is written whole or not at all, and
// only if it is empty or a former export.
//
// It contacts nobody. It imports addons/object.
package gitops
