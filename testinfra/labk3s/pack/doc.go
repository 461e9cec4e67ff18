// Command pack makes the release files of the lab's K3s, under the names and
// in the formats in which K3s publishes its own: the binary, an archive of
// images as docker saves them, and their checksums.
//
//	go run ./pack -k3s FILE -traefik FILE -out FOLDER
//
// The same programs give the same files, byte for byte.
//
// It may import charts for the image's name.
package main
