// Command pack makes the release files of the lab's K3s, under the names and
// in the formats in which K3s publishes its own: the binary, an archive of
// images as docker saves them, and their checksums; and beside them what
// k3sedge's own bundle has more: an archive with the images of cert-manager
// and cloudflared, cert-manager's chart, and their checksums.
//
//	go run ./pack -k3s FILE -traefik FILE -certmanager FILE -chart FOLDER -version VERSION -pebble FILE [-cloudflared FILE] -out FOLDER
//
// The chart is the real one, packed from cert-manager's module as its release
// packs it. The images are the lab's: see testinfra/certmanager and
// testinfra/connector. Pebble, which is no part of any bundle, is put beside
// them for the lab. The same programs give the same files, byte for byte.
//
// It may import charts for the image's name.
package main
