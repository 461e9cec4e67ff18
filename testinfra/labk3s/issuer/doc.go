// Package issuer stands in for cert-manager where it is not installed: for each tls entry
// of an Ingress whose secret is not there it makes a certificate signed by a CA
// of the lab, and takes it away when no Ingress names it any more. It is NOT
// cert-manager: it proves nothing about who owns a name. It says so in the log
// of k3s and in the annotation lab.k3sedge.dev/issued on each secret.
//
// As soon as the definition certificates.cert-manager.io is there it steps
// back: it issues nothing, renews nothing and takes nothing away any more, and
// leaves what it has made to whoever comes.
//
// A secret without that annotation belongs to somebody else and is left alone.
// The CA's certificate is in the configmap kube-system/lab-ca (ca.crt), and in
// the file lab-ca.crt of the CA's folder beside its key.
//
// It imports nothing of ours.
package issuer
